package browsertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"

	"enciphergan"
	"enciphergan/models"
	"enciphergan/server/site"
)

// serveVectors serves the page with a wasm whose encrypt accepts a nonce.
func serveVectors(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(plain(t, "vectors"))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// addModels adds the default model to a site.
func addModels(t *testing.T, s *site.Site) {
	t.Helper()
	f, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddModel(models.Default, f.Card, f.Encryption, f.Decryption); err != nil {
		t.Fatal(err)
	}
}

// worker opens a tab in which ask calls the wasm through a pool of the engine, without the
// page's own code.
func worker(t *testing.T, address string) *tab {
	t.Helper()
	b := openWithoutScripts(t, address)
	eval[bool](b, `(async () => {
		const { Pool } = await import(new URL("pool.js", document.querySelector("script[src]").src).href);
		globalThis.engine = new Pool();
		const { folder } = (await (await fetch("models/index.json")).json()).models[0];
		const part = async (name) => new Uint8Array(await (await fetch(folder + name)).arrayBuffer());
		globalThis.modelParts = async () => ({ card: await part("card.json"), encryption: await part("encryption.onnx"), decryption: await part("decryption.onnx") });
		await engine.call("loadModel", await modelParts());
		globalThis.bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
		globalThis.textOf = async (blob) => { let s = ""; for (const b of new Uint8Array(await blob.arrayBuffer())) s += String.fromCharCode(b); return btoa(s); };
		return true;
	})()`)
	return b
}

// ask calls a method of the wasm. Byte slices are passed as Uint8Arrays; it returns the files
// of the result.
func ask(b *tab, method string, argument map[string]any) map[string][]byte {
	b.t.Helper()
	var fields []string
	for name, value := range argument {
		if content, ok := value.([]byte); ok {
			fields = append(fields, fmt.Sprintf("%q: bytesOf(%q)", name, base64.StdEncoding.EncodeToString(content)))
		} else if text, err := json.Marshal(value); err == nil {
			fields = append(fields, fmt.Sprintf("%q: %s", name, text))
		} else {
			b.t.Fatal(err)
		}
	}
	texts := eval[map[string]string](b, fmt.Sprintf(`(async () => {
		const result = await engine.call(%q, {%s});
		const files = Object.entries(result).filter(([, v]) => v instanceof Blob);
		return Object.fromEntries(await Promise.all(files.map(async ([k, v]) => [k, await textOf(v)])));
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

// vector returns a picture, its key and nonce, and the cipher image that they must give.
func vector(t *testing.T) (picture, cipher []byte, key string, nonce []byte) {
	t.Helper()
	const dir = "../../testdata/"
	var v struct{ Key, Nonce string }
	if err := json.Unmarshal(read(t, dir+"vector.json"), &v); err != nil {
		t.Fatal(err)
	}
	nonce, err := hex.DecodeString(v.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, dir+"photo.png"), read(t, dir+"photo.cipher.png"), v.Key, nonce
}

// For equal picture, key and nonce, browser and native program write the same file, bit for
// bit, and each opens the other's.
func TestBrowserEqualsNative(t *testing.T) {
	t.Parallel()
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
			here := ask(b, "encrypt", map[string]any{"file": c.file, "key": key.Text(), "nonce": nonce[:], "views": true})
			ours, height, width := rgb(t, here["bare"])
			if height != there.NeuralCipher.Height || width != there.NeuralCipher.Width {
				t.Fatalf("bare cipher of %d x %d pixels, native %d x %d", width, height, there.NeuralCipher.Width, there.NeuralCipher.Height)
			}
			if n, max := differing(ours, there.NeuralCipher.RGB); n > 0 {
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

	for _, name := range []string{"cmyk.jpg", "deep.png", "palette.png", "animation.gif", "lossy.webp", "deep.tiff"} {
		t.Run(name, func(t *testing.T) {
			file := read(t, "../picture/testdata/"+name)
			var nonce [24]byte
			random.Read(nonce[:])
			there, err := m.Encrypt(context.Background(), file, key, encipher.WithFixedNonce(nonce))
			if err != nil {
				t.Fatal(err)
			}
			here := ask(b, "encrypt", map[string]any{"file": file, "key": key.Text(), "nonce": nonce[:], "views": true})
			if !bytes.Equal(here["png"], there.PNG) {
				t.Error("the files differ")
			}
			opened, err := m.Decrypt(context.Background(), here["png"], key)
			if err != nil || opened.Picture.Digest() != there.Picture.Digest() {
				t.Fatalf("the native program recovers another picture: %v", err)
			}
			if back := ask(b, "decrypt", map[string]any{"file": there.PNG, "key": key.Text()}); !bytes.Equal(back["png"], opened.PNG) {
				t.Error("the browser recovers another picture")
			}
		})
	}

	t.Run("stored file", func(t *testing.T) {
		picture, cipher, key, nonce := vector(t)
		if here := ask(b, "encrypt", map[string]any{"file": picture, "key": key, "nonce": nonce}); !bytes.Equal(here["png"], cipher) {
			t.Error("the browser makes another file")
		}
		back := ask(b, "decrypt", map[string]any{"file": cipher, "key": key})
		want, _, _ := rgb(t, picture)
		if got, _, _ := rgb(t, back["png"]); !bytes.Equal(got, want) {
			t.Error("the browser recovers another picture")
		}
	})
}

// The wasm of the page ignores a nonce: two cipher images of one picture differ although the
// same nonce is passed.
func TestNonceCannotBeChosen(t *testing.T) {
	t.Parallel()
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

// differing returns how many samples differ, and the largest difference in levels.
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

// Calls with wrong types are rejected with a code, and bad models do not replace the loaded
// one.
func TestWasmChecksItsArguments(t *testing.T) {
	t.Parallel()
	b := worker(t, serve(t))
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, argument, code string }{
		{"encrypt", `{}`, "bad-argument"},
		{"encrypt", `{ file: "text", key }`, "bad-argument"},
		{"encrypt", `{ file: [1, 2, 3], key }`, "bad-argument"},
		{"encrypt", `{ file: new Float64Array(8), key }`, "bad-argument"},
		{"encrypt", `{ file: new ArrayBuffer(8), key }`, "bad-argument"},
		{"encrypt", `{ file: null, key }`, "bad-argument"},
		{"encrypt", `{ file: picture, key: 5 }`, "bad-argument"},
		{"encrypt", `{ file: picture, key: "x".repeat(1e6) }`, "bad-argument"},
		{"encrypt", `{ file: picture, key: "x".repeat(2e4) }`, "bad-key"},
		{"encrypt", `{ file: picture, key: "" }`, "bad-key"},
		{"encrypt", `{ file: new Uint8Array(0), key }`, "bad-picture"},
		{"encrypt", `{ file: new TextEncoder().encode("II\x2b\0\x08\0\0\0"), key }`, "unsupported-picture"},
		{"decrypt", `{ file: picture, key }`, "not-a-cipher"},
		{"decrypt", `{ file: new Uint8Array(0), key }`, "not-a-cipher"},
		{"encrypt", `{ file: picture, key, exact: "perhaps" }`, "bad-argument"},
		{"encrypt", `{ file: picture, key, slot: new Uint8Array([9]) }`, "bad-argument"},
		{"encrypt", `{ file: picture, key, views: "yes" }`, "bad-argument"},
		{"decrypt", `{ file: picture, key, approximate: 1 }`, "bad-argument"},
		{"wrapKey", `{}`, "bad-argument"},
		{"wrapKey", `{ passphrase: "" }`, "bad-key"},
		{"wrapKey", `{ passphrase: "x".repeat(5000) }`, "bad-argument"},
		{"wrapKey", `{ recipients: "age1nobody" }`, "bad-key"},
		{"unwrapKey", `{ file: picture, key }`, "not-a-cipher"},
		{"loadModel", `{ sealed: picture, passphrase: "a phrase" }`, "bad-model"},
		{"loadModel", `{ sealed: picture }`, "bad-model"},
		{"parseKey", `{ text: picture }`, "bad-argument"},
		{"inspect", `{}`, "bad-argument"},
		{"metrics", `{ a: picture, b: wider }`, "bad-argument"},
		{"metrics", `{ a: new Uint8Array(9) }`, "bad-picture"},
		{"loadModel", `{}`, "bad-argument"},
		{"loadModel", `{ card: picture, encryption: picture, decryption: picture }`, "bad-model"},
		{"loadModel", `{ card: new Uint8Array(2e6), encryption: picture, decryption: picture }`, "bad-model"},
		{"nothing", `{}`, "internal"},
	} {
		got := eval[string](b, fmt.Sprintf(`(async () => {
			const key = %q, picture = bytesOf(%q), wider = bytesOf(%q);
			try {
				await engine.call(%q, %s);
				return "no error";
			} catch (error) {
				return error instanceof Error && error.message ? error.code : "an error without a message";
			}
		})()`, key.Text(), base64.StdEncoding.EncodeToString(encode(t, scene(20, 20))), base64.StdEncoding.EncodeToString(encode(t, scene(21, 20))), c.method, c.argument))
		if got != c.code {
			t.Errorf("%s(%s): %s, want %s", c.method, c.argument, got, c.code)
		}
	}
	ask(b, "encrypt", map[string]any{"file": encode(t, scene(20, 20)), "key": key.Text()})
}

// Progress reports the stages in order and never falls within a stage.
func TestProgress(t *testing.T) {
	t.Parallel()
	b := worker(t, serve(t))
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	type report struct {
		Stage       string
		Done, Total int
	}
	reports := eval[[]report](b, fmt.Sprintf(`(async () => {
		const seen = [];
		await engine.call("encrypt", { file: bytesOf(%q), key: %q }, { onProgress: (p) => seen.push(p) });
		return seen;
	})()`, base64.StdEncoding.EncodeToString(encode(t, scene(300, 40))), key.Text()))
	var stages []string
	for i, r := range reports {
		if i == 0 || r.Stage != reports[i-1].Stage {
			stages = append(stages, r.Stage)
		} else if r.Done < reports[i-1].Done || r.Total != reports[i-1].Total {
			t.Errorf("%s went from %d of %d to %d of %d", r.Stage, reports[i-1].Done, reports[i-1].Total, r.Done, r.Total)
		}
		if last := i+1 == len(reports) || reports[i+1].Stage != r.Stage; last && r.Done != r.Total {
			t.Errorf("%s ended at %d of %d", r.Stage, r.Done, r.Total)
		}
	}
	if got := strings.Join(stages, " "); got != "decode encrypt seal" {
		t.Errorf("stages: %s", got)
	}
}

// An abort rejects a call with its code, and the next call works, whether the wasm stops by
// itself or its worker does not respond and is replaced.
func TestAbort(t *testing.T) {
	t.Parallel()
	b := worker(t, serve(t))
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	large := base64.StdEncoding.EncodeToString(encode(t, scene(1200, 600)))
	for name, hinder := range map[string]string{
		// Without timers the worker is never replaced.
		"by the wasm": `globalThis.setTimeout = () => 0; return () => (globalThis.setTimeout = timer)`,
		// Without the message the wasm never stops.
		"by a new worker": `Worker.prototype.postMessage = function (m, ...rest) { if (!("abort" in m)) post.call(this, m, ...rest) };
			return () => (Worker.prototype.postMessage = post)`,
	} {
		t.Run(name, func(t *testing.T) {
			code := eval[string](b, fmt.Sprintf(`(async () => {
				const mend = ((timer, post) => { %s })(globalThis.setTimeout, Worker.prototype.postMessage);
				const controller = new AbortController();
				const onProgress = ({ stage, done }) => { if (stage === "encrypt" && done === 1) controller.abort(); };
				try {
					await engine.call("encrypt", { file: bytesOf(%q), key: %q }, { onProgress, signal: controller.signal });
					return "no error";
				} catch (error) {
					return error.code;
				} finally {
					mend();
				}
			})()`, hinder, large, key.Text()))
			if code != encipher.Canceled {
				t.Errorf("code %q, want %q", code, encipher.Canceled)
			}
			ask(b, "encrypt", map[string]any{"file": encode(t, scene(20, 20)), "key": key.Text()})
		})
	}
}
