package browsertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"enciphergan"
	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

// serveVectors serves the page with a wasm whose encrypt takes a nonce.
func serveVectors(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	command(t, "go", "run", "./wasm/bundle", "-tags", "vectors", "-o", dir)
	s := site.New()
	for _, err := range []error{s.AddFolder(static.Files), s.AddFolder(os.DirFS(dir))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddModel(models.Default, f.Card, f.Encryption, f.Decryption); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// worker gives a tab in which ask reaches the wasm without the page's own
// steps around it, through the page's engine and a worker of its own.
func worker(t *testing.T, address string) *tab {
	t.Helper()
	b := open(t, address)
	eval[bool](b, `(async () => {
		const { Engine } = await import(new URL("engine.js", document.baseURI).href);
		globalThis.engine = new Engine();
		const part = async (name) => new Uint8Array(await (await fetch("models/default/" + name)).arrayBuffer());
		await engine.loadModel({ card: await part("card.json"), encryption: await part("encryption.onnx"), decryption: await part("decryption.onnx") });
		globalThis.bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
		globalThis.textOf = (bytes) => { let s = ""; for (const b of bytes) s += String.fromCharCode(b); return btoa(s); };
		return true;
	})()`)
	return b
}

// ask calls a method of the wasm. Byte slices go in as Uint8Arrays, and those of
// the result come back.
func ask(b *tab, method string, argument map[string]any) map[string][]byte {
	b.t.Helper()
	var fields []string
	for name, value := range argument {
		if content, ok := value.([]byte); ok {
			fields = append(fields, fmt.Sprintf("%q: bytesOf(%q)", name, base64.StdEncoding.EncodeToString(content)))
		} else {
			fields = append(fields, fmt.Sprintf("%q: %q", name, value))
		}
	}
	texts := eval[map[string]string](b, fmt.Sprintf(`(async () => {
		const result = await engine.call(%q, {%s});
		return Object.fromEntries(Object.entries(result).filter(([, v]) => v instanceof Uint8Array).map(([k, v]) => [k, textOf(v)]));
	})()`, method, strings.Join(fields, ", ")))
	result := map[string][]byte{}
	for name, text := range texts {
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			b.t.Fatal(err)
		}
		result[name] = content
	}
	return result
}

// For equal picture, key and nonce, browser and native program make the same
// file, bit for bit, and each opens the other's.
func TestBrowserEqualsNative(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	random := rand.NewChaCha8([32]byte{seed})
	m := native(t)
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	b := worker(t, serveVectors(t))
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"photo of several tiles", read(t, photo(t, 333, 270))},
		{"one tile", encode(t, scene(128, 96))},
		{"odd and small", encode(t, scene(37, 5))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var nonce [24]byte
			random.Read(nonce[:])
			there, err := m.Encrypt(context.Background(), c.file, key, encipher.WithFixedNonce(nonce))
			if err != nil {
				t.Fatal(err)
			}
			here := ask(b, "encrypt", map[string]any{"file": c.file, "key": key.Text(), "nonce": nonce[:]})
			ours, height, width := rgb(t, here["bare"])
			if height != there.Bare.Height || width != there.Bare.Width {
				t.Fatalf("bare cipher of %d x %d pixels, native %d x %d", width, height, there.Bare.Width, there.Bare.Height)
			}
			if n, max := differing(ours, there.Bare.RGB); n > 0 {
				t.Errorf("%d of %d cipher samples differ, by up to %d levels", n, len(ours), max)
			}
			if !bytes.Equal(here["png"], there.PNG) {
				t.Error("the files differ")
			}

			back := ask(b, "decrypt", map[string]any{"file": there.PNG, "key": key.Text()})
			opened, err := m.Decrypt(context.Background(), here["png"], key)
			if err != nil {
				t.Fatalf("the native program cannot open the browser's file: %v", err)
			}
			recovered, _, _ := rgb(t, back["png"])
			if n, max := differing(recovered, opened.Picture.RGB); n > 0 {
				t.Errorf("%d of %d recovered samples differ, by up to %d levels", n, len(recovered), max)
			}
		})
	}
}

// What users get does not take a nonce: two ciphers of one picture differ
// although the same nonce was asked for.
func TestNonceCannotBeChosen(t *testing.T) {
	b := worker(t, serve(t))
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	argument := map[string]any{"file": encode(t, scene(40, 30)), "key": key.Text(), "nonce": make([]byte, 24)}
	if bytes.Equal(ask(b, "encrypt", argument)["png"], ask(b, "encrypt", argument)["png"]) {
		t.Error("the wasm of the page took a nonce from outside")
	}
}

// differing counts samples that differ and gives the largest difference in levels.
func differing(a, b []byte) (n, most int) {
	if len(a) != len(b) {
		return max(len(a), len(b)), 255
	}
	for i := range a {
		if d := int(a[i]) - int(b[i]); d != 0 {
			n++
			most = max(most, d, -d)
		}
	}
	return n, most
}
