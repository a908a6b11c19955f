package browsertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"enciphergan"
	"enciphergan/internal/metric"
	"enciphergan/models"
)

// native opens the default model in this program.
func native(t *testing.T) *encipher.Model {
	t.Helper()
	f, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	m, err := encipher.OpenModel(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A new user's whole path: a key, a photo, its cipher image, and, in a fresh
// tab, the photo again. Nothing is asked of any server once the page is loaded.
func TestPhotoThereAndBack(t *testing.T) {
	address := serve(t)
	original := filepath.Join("testdata", "photo.jpg")

	first := open(t, address)
	loaded := first.traffic.requests()
	first.click("new-key")
	first.until(`!document.getElementById("save-key").hidden`)
	first.until(`!document.getElementById("key-warning").hidden`)
	fingerprint := eval[string](first, `document.getElementById("fingerprint").textContent`)
	keyFile := first.save("#save-key", "encipher-"+fingerprint+".key")
	first.until(`document.getElementById("key-warning").hidden`)
	key, err := encipher.ParseKey(string(keyFile))
	if err != nil {
		t.Fatalf("the saved key file: %v", err)
	}
	if key.Fingerprint() != fingerprint {
		t.Fatalf("the page shows the fingerprint %s, and the file holds %s", fingerprint, key.Fingerprint())
	}

	first.choose("file", absolute(t, original))
	first.click("encrypt")
	first.until(`!document.getElementById("check").hidden`)
	first.idle()
	first.shows("plain", "bare", "cipher")
	cipher := first.save("#panel-cipher .save", "photo.cipher.png")
	first.click("check")
	first.until(`document.getElementById("check").hidden`)
	first.idle()
	first.shows("plain", "bare", "cipher", "recovered")
	if figures := eval[string](first, `document.querySelector("#panel-recovered dl").innerText`); !strings.Contains(figures, "PSNR") || !strings.Contains(figures, "SSIM") {
		t.Errorf("the recovered picture is not compared with the original: %q", figures)
	}
	first.silent(loaded)

	second := open(t, address)
	loaded = second.traffic.requests()
	second.choose("key-file", write(t, "my.key", keyFile))
	second.until(`document.getElementById("fingerprint").textContent === ` + fmt.Sprintf("%q", fingerprint))
	second.drop("photo.cipher.png", cipher)
	second.until(`!document.getElementById("decrypt").hidden && document.getElementById("encrypt").hidden`)
	second.click("decrypt")
	second.until(`document.getElementById("panel-recovered").dataset.state === "filled"`)
	second.idle()
	second.shows("bare", "cipher", "recovered")
	recovered := second.save("#panel-recovered .save", "photo.png")
	second.silent(loaded)

	opened, err := native(t).Decrypt(context.Background(), cipher, key)
	if err != nil {
		t.Fatalf("the native program cannot open what the page made: %v", err)
	}
	samples, height, width := rgb(t, recovered)
	if height != opened.Picture.Height || width != opened.Picture.Width || !bytes.Equal(samples, opened.Picture.RGB) {
		t.Error("page and native program recover different pictures from one file")
	}
	sealed, err := native(t).Encrypt(context.Background(), read(t, original), key)
	if err != nil {
		t.Fatal(err)
	}
	psnr := metric.PSNR(sealed.Plain.RGB, samples)
	ssim := metric.SSIM(sealed.Plain.RGB, samples, height, width)
	t.Logf("recovered in the page: PSNR %.2f dB, SSIM %.5f", psnr, ssim)
	if !(psnr >= 40 && ssim >= .98) {
		t.Error("the recovered photo is not the photo")
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// shows checks that panels hold decoded pictures.
func (b *tab) shows(panels ...string) {
	b.t.Helper()
	for _, p := range panels {
		b.until(fmt.Sprintf(`(() => { const i = document.querySelector("#panel-%s img"); return !i.hidden && i.complete && i.naturalWidth > 0 })()`, p))
	}
}

// drop drops a file onto the page.
func (b *tab) drop(name string, content []byte) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => {
		const data = new DataTransfer();
		data.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], %q));
		document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
		return true;
	})()`, base64.StdEncoding.EncodeToString(content), name))
}

// silent checks that nothing was asked for beyond what loaded the page, and that
// only by GET at the page's own server. The page may ask again for a file that it
// has, as it does for a further worker, if that reaches no server.
func (b *tab) silent(loaded []string) {
	b.t.Helper()
	witnesses := map[string]bool{}
	for i, r := range b.traffic.requests() {
		witness, request, _ := strings.Cut(r, ": ")
		witnesses[witness] = true
		if i >= len(loaded) && (witness == "proxy" || !slices.Contains(loaded, r)) {
			b.t.Errorf("a request after the page was loaded: %s", r)
		} else if !strings.HasPrefix(request, "GET "+b.traffic.host+"/") {
			b.t.Errorf("a request that does not belong to the page: %s", r)
		}
	}
	if !witnesses["proxy"] || !witnesses["page"] {
		b.t.Errorf("the recording of requests does not work: %v", witnesses)
	}
}

// Every way in which a file or key can be wrong has its own message, and the
// page works on after it.
func TestErrors(t *testing.T) {
	ctx := context.Background()
	m := native(t)
	mine, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := m.Encrypt(ctx, encode(t, scene(70, 50)), mine)
	if err != nil {
		t.Fatal(err)
	}
	// The header is 8 bytes of magic, 2 of version, 2 of flags, 32 of the model's fingerprint.
	otherModel := rewriteHeader(t, sealed.PNG, func(header []byte) { header[12] ^= 1 })
	newer := rewriteHeader(t, sealed.PNG, func(header []byte) { header[9] = 200 })

	b := open(t, serve(t))

	typo := []byte(mine.Text())
	if typo[30] == 'Q' {
		typo[30] = 'P'
	} else {
		typo[30] = 'Q'
	}
	b.choose("key-file", write(t, "typo.key", typo))
	b.expectError("bad-key")
	b.choose("key-file", write(t, "empty.key", nil))
	b.expectError("bad-key")

	b.choose("key-file", write(t, "my.key", []byte(mine.Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)

	for _, c := range []struct {
		name    string
		content []byte
		code    string
	}{
		{"notes.txt", []byte("not a picture"), "bad-picture"},
		{"empty.png", nil, "bad-picture"},
		{"cut.png", encode(t, scene(40, 40))[:200], "bad-picture"},
		{"huge.png", declaring(100_000, 100_000), "too-large"},
	} {
		b.choose("file", write(t, c.name, c.content))
		b.expectError(c.code)
	}

	for _, c := range []struct {
		name    string
		content []byte
		key     encipher.Key
		code    string
	}{
		{"wrong-key.png", sealed.PNG, other, "wrong-key"},
		{"changed.png", withChangedSample(t, sealed.PNG), mine, "changed"},
		{"cut.png", sealed.PNG[:len(sealed.PNG)-40], mine, "changed"},
		{"stripped.png", withoutPrivateChunks(t, sealed.PNG), mine, "not-a-cipher"},
		{"other-model.png", otherModel, mine, "other-model"},
		{"newer.png", newer, mine, "unsupported-version"},
	} {
		b.choose("key-file", write(t, "the.key", []byte(c.key.Text())))
		b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, c.key.Fingerprint()))
		b.choose("file", write(t, c.name, c.content))
		b.until(fmt.Sprintf(`document.getElementById("job-name").textContent === %q`, c.name))
		b.click("decrypt")
		b.expectError(c.code)
		b.idle()
	}

	b.choose("file", write(t, "good.png", sealed.PNG))
	b.until(`document.getElementById("job-name").textContent === "good.png"`)
	b.click("decrypt")
	b.until(`document.getElementById("panel-recovered").dataset.state === "filled"`)
	b.idle()
}

// Without a key the page says so instead of doing nothing.
func TestKeyIsAskedFor(t *testing.T) {
	b := open(t, serve(t))
	b.choose("file", write(t, "scene.png", encode(t, scene(70, 50))))
	b.click("encrypt")
	b.until(`document.getElementById("key-card").dataset.state === "wanted"`)
	b.until(`document.activeElement.id === "new-key"`)
}

// A key that was used and not saved is not dropped without a question.
func TestUnsavedKeyIsKept(t *testing.T) {
	b := open(t, serve(t))
	b.click("new-key")
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	before := eval[string](b, `document.getElementById("fingerprint").textContent`)
	b.choose("file", write(t, "scene.png", encode(t, scene(70, 50))))
	b.click("encrypt")
	b.until(`!document.getElementById("check").hidden`)
	b.idle()
	b.click("new-key")
	b.until(`document.getElementById("replace").open`)
	eval[bool](b, `(document.querySelector("#replace button[value=keep]").click(), true)`)
	b.until(`!document.getElementById("replace").open`)
	if now := eval[string](b, `document.getElementById("fingerprint").textContent`); now != before {
		t.Errorf("the key %s was replaced by %s although the user kept it", before, now)
	}
	b.click("new-key")
	b.until(`document.getElementById("replace").open`)
	eval[bool](b, `(document.querySelector("#replace button[value=replace]").click(), true)`)
	b.until(`document.getElementById("fingerprint").textContent !== ` + fmt.Sprintf("%q", before))
}

// The key that seals a picture stays until the work on it is done, and can be
// saved then, whether another is pasted meanwhile or was being made when the
// work began.
func TestKeyStaysDuringWork(t *testing.T) {
	other, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t)
	encrypt := `document.getElementById("encrypt").click()`
	for name, act := range map[string]string{
		"pasted":         encrypt + ";" + pasting(fmt.Sprintf(`data.setData("text/plain", %q)`, other.Text())),
		"pasted as file": encrypt + ";" + pasting(fmt.Sprintf(`data.items.add(new File([%q], "other.key"))`, other.Text())),
		"new":            `document.getElementById("new-key").click(); ` + encrypt,
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, address)
			b.click("new-key")
			b.until(`document.getElementById("fingerprint").textContent !== ""`)
			fingerprint := eval[string](b, `document.getElementById("fingerprint").textContent`)
			b.choose("file", write(t, "scene.png", encode(t, scene(70, 50))))
			b.until(`!document.getElementById("encrypt").hidden`)
			// In one task, so that nothing depends on how long the work takes.
			eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, act))
			b.until(`!document.getElementById("check").hidden`)
			b.idle()
			if now := eval[string](b, `document.getElementById("fingerprint").textContent`); now != fingerprint {
				t.Fatalf("the picture was sealed with the key %s, and the page has %s", fingerprint, now)
			}
			cipher := b.save("#panel-cipher .save", "scene.cipher.png")
			key, err := encipher.ParseKey(string(b.save("#save-key", "encipher-"+fingerprint+".key")))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := native(t).Decrypt(context.Background(), cipher, key); err != nil {
				t.Errorf("the saved key does not open the picture: %v", err)
			}
		})
	}
}

// Cancelling ends the job, says so without an error, and leaves a page that works.
func TestCancel(t *testing.T) {
	b := open(t, serve(t))
	b.click("new-key")
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	b.choose("file", write(t, "large.png", encode(t, scene(1500, 1200))))
	b.click("encrypt")
	b.until(`document.getElementById("stage").textContent.startsWith("Encrypting")`)
	b.click("cancel")
	b.idle()
	b.until(`document.getElementById("job-note").textContent.startsWith("Canceled")`)
	if !eval[bool](b, `document.getElementById("error").hidden && document.getElementById("panel-cipher").dataset.state === "empty"`) {
		t.Errorf("after cancelling the page shows an error or a result\n%s", b.state())
	}
	b.choose("file", write(t, "small.png", encode(t, scene(70, 50))))
	b.until(`document.getElementById("job-name").textContent === "small.png"`)
	b.click("encrypt")
	b.until(`!document.getElementById("check").hidden`)
	b.idle()
}

// Training code does not belong into what the browser downloads.
func TestWasmHoldsNoTraining(t *testing.T) {
	c := exec.Command("go", "list", "-deps", "enciphergan/wasm")
	c.Dir = root(t)
	c.Env = append(c.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	has := func(name string) bool {
		for _, d := range deps {
			if d == name || strings.HasPrefix(d, name+"/") {
				return true
			}
		}
		return false
	}
	if !has("enciphergan/internal/network") {
		t.Fatal("the list of dependencies is not that of the wasm")
	}
	for _, name := range []string{"enciphergan/internal/training", "enciphergan/cmd", "enciphergan/internal/browsertest"} {
		if has(name) {
			t.Errorf("the wasm links %s", name)
		}
	}

	// Export and its kin stand in packages that are linked for other things; the linker drops them.
	module := filepath.Join(t.TempDir(), "encipher.wasm")
	c = exec.Command("go", "build", "-o", module, "enciphergan/wasm")
	c.Dir = root(t)
	c.Env = append(c.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(code, []byte("internal/network.Load")) {
		t.Fatal("the wasm does not name its functions")
	}
	for _, name := range []string{"internal/training", "internal/network.Export", "internal/network.NewFiles", "internal/network.NewWeights", "internal/onnx.Encode"} {
		if bytes.Contains(code, []byte(name)) {
			t.Errorf("the wasm holds %s", name)
		}
	}
}

// Keys and pictures can be dropped and pasted.
func TestDropAndPaste(t *testing.T) {
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, serve(t))
	b.drop("some.key", []byte(key.Text()))
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, key.Fingerprint()))
	b.paste(fmt.Sprintf(`data.setData("text/plain", %q)`, other.Text()))
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, other.Fingerprint()))
	picture := base64.StdEncoding.EncodeToString(encode(t, scene(40, 30)))
	b.paste(fmt.Sprintf(`data.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], "pasted.png", { type: "image/png" }))`, picture))
	b.until(`document.getElementById("job-name").textContent === "pasted.png" && !document.getElementById("encrypt").hidden`)
}

// paste pastes what the statement puts into data.
func (b *tab) paste(fill string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, pasting(fill)))
}

// pasting is the statement that pastes what fill puts into data.
func pasting(fill string) string {
	return fmt.Sprintf(`{
		const data = new DataTransfer();
		%s;
		document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
	}`, fill)
}
