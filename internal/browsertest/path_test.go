package browsertest

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"enciphergan"
	"enciphergan/models"
)

var openDefault = sync.OnceValues(func() (*encipher.Model, error) {
	f, err := models.Files(models.Default)
	if err != nil {
		return nil, err
	}
	return encipher.OpenModel(f)
})

// native returns the default model, for computations in this program.
func native(t *testing.T) *encipher.Model {
	t.Helper()
	m, err := openDefault()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newKey(t *testing.T) encipher.Key {
	t.Helper()
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// settled waits until every file is read and no run is under way.
func (b *tab) settled() {
	b.t.Helper()
	b.until(`document.getElementById("list").dataset.state === "idle"`)
}

// finished waits until a started run has ended: every file is done or failed.
func (b *tab) finished() {
	b.t.Helper()
	b.until(`document.getElementById("list").dataset.state === "idle" && [...document.querySelectorAll(".row")].every((r) => ["done", "failed"].includes(r.dataset.state))`)
}

// hold stops the computation of tiles when the progress of a run exceeds part, 0 to 1, so that
// the run does not end. The returned function ends that.
func (b *tab) hold(part float64) (release func()) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => {
		const post = Worker.prototype.postMessage;
		globalThis.release = () => (Worker.prototype.postMessage = post);
		Worker.prototype.postMessage = function (message, ...rest) {
			if (message.method !== "tile" || document.getElementById("overall").value <= %g) post.call(this, message, ...rest);
		};
		return true;
	})()`, part))
	return func() { eval[bool](b, `(release(), true)`) }
}

// row is a row of the list.
type row struct{ Name, State, Code, Words string }

func (b *tab) rows() map[string]row {
	b.t.Helper()
	rows := map[string]row{}
	for _, r := range eval[[]row](b, `[...document.querySelectorAll(".row")].map((r) => ({ name: r.querySelector(".row-name").textContent, state: r.dataset.state, code: r.dataset.code, words: r.querySelector(".row-note").innerText }))`) {
		rows[r.Name] = r
	}
	return rows
}

// done checks that files were processed.
func (b *tab) done(names ...string) {
	b.t.Helper()
	rows := b.rows()
	for _, name := range names {
		if rows[name].State != "done" {
			b.t.Fatalf("%s: %+v, want it done\n%s", name, rows[name], b.state())
		}
	}
}

// saved clicks the save button of a row and returns the content of the file.
func (b *tab) saved(name, as string) []byte {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => { for (const r of document.querySelectorAll(".row")) r.id = r.querySelector(".row-name").textContent === %q ? "wanted-row" : ""; return true })()`, name))
	return b.save("#wanted-row .row-save", as)
}

// unzip returns the files of an archive by path.
func unzip(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range r.File {
		c, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(c); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	return files
}

// drag drops files and folders of the disk onto the page, as the system does.
func (b *tab) drag(paths ...string) {
	b.t.Helper()
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		call(b, input.DispatchDragEvent, input.DispatchDragEventParams{
			Type: kind, X: 300, Y: 300,
			Data: &input.DragData{Items: []*input.DragDataItem{}, Files: paths, DragOperationsMask: 1},
		})
	}
}

// A new user's complete path: a key, three photos and a folder, a ZIP of cipher images, and in
// a new tab the pictures again, sample for sample. The page sends no request after it is
// loaded.
func TestPhotosThereAndBack(t *testing.T) {
	t.Parallel()
	address := serve(t)
	dir := t.TempDir()
	originals := map[string][]byte{}
	for name, content := range map[string][]byte{
		"photo.jpg":                  read(t, filepath.Join("testdata", "photo.jpg")),
		"photo.png":                  encode(t, scene(61, 47)),
		"Grüße.png":                  encode(t, scene(40, 30)),
		"holiday/beach.png":          encode(t, scene(33, 70)),
		"holiday/evening/sunset.png": encode(t, scene(70, 33)),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		originals[name] = content
	}

	first := open(t, address)
	loaded := first.traffic.requests()
	first.click("new-key")
	first.until(`!document.getElementById("save-key").hidden && !document.getElementById("key-warning").hidden`)
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

	first.drag(filepath.Join(dir, "photo.jpg"), filepath.Join(dir, "photo.png"), filepath.Join(dir, "Grüße.png"), filepath.Join(dir, "holiday"))
	first.until(`document.querySelectorAll(".row").length === 5`)
	first.settled()
	if costs := eval[string](first, `document.getElementById("costs").textContent`); !strings.Contains(costs, "MB of memory") {
		t.Errorf("before the work the page says of its costs: %q", costs)
	}
	eval[bool](first, `(() => { globalThis.seen = []; const bar = document.getElementById("overall"); new MutationObserver(() => seen.push(bar.value)).observe(bar, { attributes: true }); return true })()`)
	first.click("start")
	first.finished()
	first.done("photo.jpg", "photo.png", "Grüße.png", "holiday/beach.png", "holiday/evening/sunset.png")
	seen := eval[[]float64](first, `seen`)
	for i := 1; i < len(seen); i++ {
		if seen[i] < seen[i-1] {
			t.Errorf("overall progress went from %g to %g", seen[i-1], seen[i])
		}
	}
	if len(seen) < 2 {
		t.Errorf("overall progress showed %v", seen)
	}
	ciphers := unzip(t, first.save("#save-all", "encipher.zip"))
	first.silent(loaded)
	for _, name := range []string{"photo.cipher.png", "photo (2).cipher.png", "Grüße.cipher.png", "holiday/beach.cipher.png", "holiday/evening/sunset.cipher.png"} {
		if ciphers[name] == nil {
			t.Fatalf("the archive lacks %s; it has %d files", name, len(ciphers))
		}
	}

	second := open(t, address)
	loaded = second.traffic.requests()
	second.choose("key-file", write(t, "my.key", keyFile))
	second.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, fingerprint))
	folder := filepath.Join(t.TempDir(), "ciphers")
	for name, content := range ciphers {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second.drag(folder)
	second.until(`document.querySelectorAll(".row").length === 5`)
	second.settled()
	second.click("start")
	second.finished()
	recovered := unzip(t, second.save("#save-all", "encipher.zip"))
	second.silent(loaded)
	m := native(t)
	for name, from := range map[string]string{
		"photo.png": "photo.jpg", "photo (2).png": "photo.png", "Grüße.png": "Grüße.png",
		"holiday/beach.png": "holiday/beach.png", "holiday/evening/sunset.png": "holiday/evening/sunset.png",
	} {
		// Either of the two photos of one name may have got the number.
		got := recovered["ciphers/"+name]
		if got == nil {
			t.Fatalf("%s did not come back", name)
		}
		sealed, err := m.Encrypt(t.Context(), originals[from], key)
		if err != nil {
			t.Fatal(err)
		}
		if samples, _, _ := rgb(t, got); sha256.Sum256(samples) != sha256.Sum256(sealed.Picture.RGB) {
			t.Errorf("%s came back as another picture", name)
		}
	}
	opened, err := m.Decrypt(t.Context(), ciphers["photo.cipher.png"], key)
	if err != nil {
		t.Fatalf("the native program cannot open what the page made: %v", err)
	}
	if samples, _, _ := rgb(t, recovered["ciphers/photo.png"]); !opened.Exact || !bytes.Equal(samples, opened.Picture.RGB) {
		t.Error("page and native program recover different pictures from one file")
	}
}

// With exact "file" the file is restored byte by byte under its own name, and a single picture
// is shown with all its stages.
func TestFileComesBack(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	original := read(t, filepath.Join("testdata", "photo.jpg"))
	b.click("new-key")
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	b.choose("file", write(t, "photo.jpg", original))
	b.settled()
	eval[bool](b, `(() => { document.getElementById("exact").value = "file"; return true })()`)
	b.click("start")
	b.until(`document.querySelector(".row")?.dataset.state === "done"`)
	b.until(`document.querySelectorAll("#view svg.scatter").length === 4 && document.querySelectorAll("#view svg.histogram").length === 4`)
	b.shows("plain", "bare", "cipher", "generated")
	for _, figure := range []string{"PSNR", "identical", "SSIM", "1.00000", "Entropy", "Correlation"} {
		if words := eval[string](b, `document.getElementById("panel-generated").innerText`); !strings.Contains(words, figure) {
			t.Errorf("the output of the decryption generator is shown without %q: %q", figure, words)
		}
	}
	cipher := b.saved("photo.jpg", "photo.cipher.png")
	b.click("clear")
	b.choose("file", write(t, "renamed.png", cipher))
	b.settled()
	b.click("start")
	b.until(`document.querySelector(".row")?.dataset.state === "done"`)
	if back := b.saved("renamed.png", "photo.jpg"); !bytes.Equal(back, original) {
		t.Error("the file came back as another one")
	}
}

// Results are written to an archive on disk one by one, with bad files among the good ones.
func TestArchiveGrowsOnDisk(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	b.click("new-key")
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	b.choose("file", write(t, "one.png", encode(t, scene(60, 50))), write(t, "bad.png", encode(t, scene(40, 40))[:200]), write(t, "two.png", encode(t, scene(50, 60))))
	b.settled()
	// The test cannot answer the browser's dialog, so the file is in the origin private
	// file system.
	eval[bool](b, `(async () => {
		const place = await (await navigator.storage.getDirectory()).getFileHandle("encipher.zip", { create: true });
		globalThis.showSaveFilePicker = async () => place;
		return true;
	})()`)
	b.click("start-zip")
	b.until(`document.getElementById("list").dataset.state === "idle" && document.querySelector(".row")?.dataset.state === "done"`)
	// The file is empty until the archive is closed.
	content, err := base64.StdEncoding.DecodeString(eval[string](b, `(async () => {
		const place = await (await navigator.storage.getDirectory()).getFileHandle("encipher.zip");
		let file;
		while (!(file = await place.getFile()).size) await new Promise((done) => setTimeout(done, 50));
		let s = "";
		for (const byte of new Uint8Array(await file.arrayBuffer())) s += String.fromCharCode(byte);
		return btoa(s);
	})()`))
	if err != nil {
		t.Fatal(err)
	}
	files := unzip(t, content)
	if len(files) != 2 {
		t.Errorf("the archive has %d files, want 2", len(files))
	}
	for _, name := range []string{"one.cipher.png", "two.cipher.png"} {
		if i, err := encipher.Inspect(files[name]); err != nil || !i.Sealed {
			t.Errorf("%s in the archive: %v", name, err)
		}
	}
	if r := b.rows()["bad.png"]; r.State != "failed" || r.Code != "bad-picture" {
		t.Errorf("the file that is cut off: %+v", r)
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

// shows checks that panels show decoded pictures.
func (b *tab) shows(panels ...string) {
	b.t.Helper()
	for _, p := range panels {
		b.until(fmt.Sprintf(`(() => { const i = document.querySelector("#panel-%s img"); return i && !i.hidden && i.complete && i.naturalWidth > 0 })()`, p))
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

// silent checks that the page has sent no request after those that loaded it, and
// those only by GET to its own server. The page may request a file that it has
// again, such as the script of another worker, if that reaches no server. Whenever
// a worker starts, Chromium itself checks whether sw.js has changed.
func (b *tab) silent(loaded []string) {
	b.t.Helper()
	witnesses := map[string]bool{}
	for i, r := range b.traffic.requests() {
		witness, request, _ := strings.Cut(r, ": ")
		witnesses[witness] = true
		if witness == "proxy" && request == "GET "+b.traffic.host+"/sw.js" && slices.Contains(loaded, r) {
			continue
		}
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

// Every kind of bad file or key has its own message and does not stop the rest of the batch.
func TestErrors(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m := native(t)
	mine, other := newKey(t), newKey(t)
	sealed, err := m.Encrypt(ctx, encode(t, scene(70, 50)), mine)
	if err != nil {
		t.Fatal(err)
	}
	others, err := m.Encrypt(ctx, encode(t, scene(70, 50)), other)
	if err != nil {
		t.Fatal(err)
	}
	phrase, err := encipher.NewPassphrase("not known to the page")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := m.Encrypt(ctx, encode(t, scene(30, 50)), phrase)
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
	b.choose("key-file", write(t, "sealed.key", []byte("age-encryption.org/v1\n-> X25519 x\n")))
	b.unseal("a passphrase")
	b.expectError("bad-key")

	b.choose("key-file", write(t, "my.key", []byte(mine.Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)

	huge := declaring(20_000, 10_000) // 200 megapixels
	if len(huge) > 1000 {
		t.Fatalf("the file that declares a huge picture has %d bytes", len(huge))
	}
	cases := []struct {
		name    string
		content []byte
		code    string // "" for a good file
	}{
		{"notes.txt", []byte("not a picture"), "bad-picture"},
		{"good.png", encode(t, scene(40, 30)), ""},
		{"empty.png", nil, "bad-picture"},
		{"cut.png", encode(t, scene(40, 40))[:200], "bad-picture"},
		{"large.tif", []byte("II\x2b\x00\x08\x00\x00\x00"), "unsupported-picture"},
		{"huge.png", huge, "too-large"},
		{"wrong-key.png", others.PNG, "wrong-key"},
		{"wrong-phrase.png", locked.PNG, "wrong-key"},
		{"changed.png", withChangedSample(t, sealed.PNG), "changed"},
		{"cut-cipher.png", sealed.PNG[:len(sealed.PNG)-40], "changed"},
		{"other-model.png", otherModel, "other-model"},
		{"newer.png", newer, "unsupported-version"},
		{"good.cipher.png", sealed.PNG, ""},
	}
	var files []string
	for _, c := range cases {
		files = append(files, write(t, c.name, c.content))
	}
	b.choose("file", files...)
	b.until(fmt.Sprintf(`document.querySelectorAll(".row").length === %d`, len(cases)))
	b.settled()
	b.click("start")
	b.finished()
	rows := b.rows()
	titles := map[string]string{}
	for _, c := range cases {
		r := rows[c.name]
		if c.code == "" {
			if r.State != "done" {
				t.Errorf("%s among bad files: %+v", c.name, r)
			}
			continue
		}
		title, rest, _ := strings.Cut(r.Words, ". ")
		if r.State != "failed" || r.Code != c.code || rest == "" {
			t.Errorf("%s: %+v, want the code %s and what to do", c.name, r, c.code)
		}
		title, _, _ = strings.Cut(title, " (")
		if before, ok := titles[title]; ok && before != c.code {
			t.Errorf("%s and %s have the same message %q", before, c.code, title)
		}
		titles[title] = c.code
	}
	if r := rows["wrong-phrase.png"]; !strings.Contains(r.Words, "passphrase") {
		t.Errorf("what opens a picture with a passphrase is not told: %q", r.Words)
	}
	if errors := eval[bool](b, `document.getElementById("error").hidden`); !errors {
		t.Error("a bad file shows an error of the whole page")
	}

	// With the right key, the failed picture is decrypted.
	b.choose("key-file", write(t, "other.key", []byte(other.Text())))
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, other.Fingerprint()))
	b.click("start")
	b.until(`[...document.querySelectorAll(".row")].some((r) => r.querySelector(".row-name").textContent === "wrong-key.png" && r.dataset.state === "done")`)
}

// A cipher image without its private chunk is a picture of noise.
func TestStrippedCipherIsAPicture(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	sealed, err := native(t).Encrypt(t.Context(), encode(t, scene(70, 50)), key)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, serve(t))
	b.choose("file", write(t, "stripped.png", withoutPrivateChunks(t, sealed.PNG)))
	b.settled()
	if state := eval[string](b, `document.querySelector(".row-state").textContent`); state != "Ready to encrypt" {
		t.Errorf("the page offers: %s", state)
	}
}

// Without a key, passphrase or recipient, starting a run asks for it.
func TestSecretIsAskedFor(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	m := native(t)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recipients, err := encipher.ParseRecipients(identity.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	forKey, err := m.Encrypt(t.Context(), encode(t, scene(30, 20)), key)
	if err != nil {
		t.Fatal(err)
	}
	forRecipient, err := m.Encrypt(t.Context(), encode(t, scene(30, 20)), recipients)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, serve(t))
	for _, c := range []struct {
		name    string
		content []byte
		mode    string
		focus   string
	}{
		{"scene.png", encode(t, scene(70, 50)), "key", "new-key"},
		{"scene.png", encode(t, scene(70, 50)), "passphrase", "passphrase"},
		{"scene.png", encode(t, scene(70, 50)), "recipients", "recipients"},
		{"key.cipher.png", forKey.PNG, "passphrase", "new-key"},
		{"recipient.cipher.png", forRecipient.PNG, "key", "identity"},
	} {
		b.choose("file", write(t, c.name, c.content))
		b.settled()
		b.mode(c.mode)
		b.click("start")
		b.until(fmt.Sprintf(`document.getElementById("key-card").dataset.state === "wanted" && document.activeElement.id === %q && document.getElementById("key-text").checkVisibility()`, c.focus))
		b.click("clear")
	}
}

// mode selects the kind of secret.
func (b *tab) mode(name string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(document.querySelector("input[name=mode][value=%s]").click(), true)`, name))
}

// fill types into a field.
func (b *tab) fill(id, words string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.value = %q; e.dispatchEvent(new Event("input")); return true })()`, id, words))
}

// Pictures are encrypted and decrypted with passphrases and recipients in the page, and the
// native program opens them.
func TestPassphraseAndRecipients(t *testing.T) {
	t.Parallel()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	m := native(t)
	address := serve(t)
	pictures := map[string][]byte{"one.png": encode(t, scene(70, 50)), "two.png": encode(t, scene(50, 70))}
	for _, c := range []struct {
		name            string
		lock            func(b *tab) encipher.Identity
		unlock, unlocks string
	}{
		{"passphrase", func(b *tab) encipher.Identity {
			b.mode("passphrase")
			b.fill("passphrase", "password1")
			b.until(`document.getElementById("strength").dataset.score === "0"`)
			b.click("suggest")
			b.until(`document.getElementById("strength").dataset.score === "4"`)
			words := eval[string](b, `document.getElementById("passphrase").value`)
			if n := len(strings.FieldsFunc(words, func(r rune) bool { return r == ' ' || r == '-' })); n != 7 {
				t.Errorf("the proposed passphrase has %d words", n)
			}
			p, err := encipher.NewPassphrase(words)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}, "passphrase", ""},
		{"recipients", func(b *tab) encipher.Identity {
			b.mode("recipients")
			b.fill("recipients", identity.Recipient().String())
			i, err := encipher.ParseIdentities(identity.String())
			if err != nil {
				t.Fatal(err)
			}
			return i
		}, "identity", identity.String()},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t, address)
			secret := c.lock(b)
			var files []string
			for name, content := range pictures {
				files = append(files, write(t, name, content))
			}
			b.choose("file", files...)
			b.settled()
			b.click("start")
			b.finished()
			ciphers := unzip(t, b.save("#save-all", "encipher.zip"))
			for name, original := range pictures {
				cipher := ciphers[strings.TrimSuffix(name, ".png")+".cipher.png"]
				info, err := encipher.Inspect(cipher)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				key, err := info.Unlock(t.Context(), secret)
				if err != nil {
					t.Fatal(err)
				}
				opened, err := m.Decrypt(t.Context(), cipher, key)
				if err != nil || !opened.Exact {
					t.Fatalf("the native program cannot open what the page made: %v", err)
				}
				if want, _, _ := rgb(t, original); !bytes.Equal(opened.Picture.RGB, want) {
					t.Errorf("%s comes back as another picture", name)
				}
			}

			words := c.unlocks
			if words == "" {
				words = eval[string](b, `document.getElementById("passphrase").value`)
			}
			second := open(t, address)
			second.mode(map[string]string{"passphrase": "passphrase", "identity": "recipients"}[c.unlock])
			if c.unlock == "identity" {
				second.paste(fmt.Sprintf(`data.setData("text/plain", %q)`, words))
				second.until(`document.getElementById("identity").value !== ""`)
			} else {
				second.fill(c.unlock, words)
			}
			second.choose("file", write(t, "one.cipher.png", ciphers["one.cipher.png"]), write(t, "two.cipher.png", ciphers["two.cipher.png"]))
			second.settled()
			second.click("start")
			second.finished()
			second.done("one.cipher.png", "two.cipher.png")
			for name, content := range unzip(t, second.save("#save-all", "encipher.zip")) {
				got, _, _ := rgb(t, content)
				if want, _, _ := rgb(t, pictures[name]); !bytes.Equal(got, want) {
					t.Errorf("the page recovers another picture from %s", name)
				}
			}
			// Modules that are loaded on demand come from the page's own server.
			for _, r := range append(b.traffic.requests(), second.traffic.requests()...) {
				_, request, _ := strings.Cut(r, ": ")
				if !strings.HasPrefix(request, "GET "+strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")+"/") {
					t.Errorf("a request that does not belong to the page: %s", r)
				}
			}
		})
	}
}

// A key is stored in the browser only on request, and removed on request. As the page and
// docs/security.md say, any script of the origin can read it.
func TestKeyIsRemembered(t *testing.T) {
	t.Parallel()
	address := serve(t)
	b := open(t, address)
	again := func() {
		b.do(chromedp.Navigate(address))
		b.ready()
	}
	key := newKey(t)
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	shown := fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, key.Fingerprint())
	b.until(shown)
	// The page has read the key before this does.
	remembered := `import(new URL("key-store.js", document.querySelector("script[src]").src).href).then((keyStore) => keyStore.recall()).then((text) => text ?? "")`
	again()
	if eval[string](b, remembered) != "" || eval[bool](b, shown) {
		t.Fatal("a key was remembered without being asked to")
	}
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.until(shown)
	eval[bool](b, `(document.getElementById("remember").click(), true)`)
	b.until(`!document.getElementById("forget").hidden`)
	if limits := eval[string](b, `document.getElementById("remember-limits").innerText`); !strings.Contains(limits, "can still read the key") || !strings.Contains(limits, "every page of 127.0.0.1:") {
		t.Errorf("what remembering does not protect from is not said: %q", limits)
	}
	stored := eval[string](b, `new Promise((resolve, reject) => {
		const opening = indexedDB.open("encipher");
		opening.onsuccess = () => {
			const get = opening.result.transaction("keys").objectStore("keys").get("key");
			get.onsuccess = () => resolve(get.result.wrapping.extractable + " " + new TextDecoder("latin1").decode(get.result.sealed));
		};
		opening.onerror = () => reject(opening.error);
	})`)
	if !strings.HasPrefix(stored, "false ") || strings.Contains(stored, key.Text()[13:30]) {
		t.Error("the key lies in the browser's storage as it is, or its wrapping can be read")
	}
	again()
	b.until(shown)
	if eval[string](b, remembered) != key.Text() {
		t.Error("what the page shows is not what it remembers")
	}
	b.click("forget")
	b.until(`document.getElementById("forget").hidden`)
	again()
	if eval[string](b, remembered) != "" || eval[bool](b, shown) || !eval[bool](b, `document.getElementById("remembering").hidden`) {
		t.Error("the key was not forgotten")
	}
}

// The backup shows the key as text and as a QR code.
func TestBackup(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	key := newKey(t)
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.click("backup")
	b.until(`document.getElementById("sheet").open`)
	if got := eval[string](b, `document.getElementById("sheet-text").textContent`); got != key.Text() {
		t.Error("the sheet shows another text than the key's")
	}
	// Headless Chromium has no barcode reader, so the test compares the modules with
	// those that the library draws.
	if same := eval[bool](b, fmt.Sprintf(`(async () => {
		const { default: qrcode } = await import(new URL("vendor/qrcode-generator.js", [...document.scripts].find((s) => s.src.endsWith("page.js")).src));
		const symbol = qrcode(0, "M");
		symbol.addData(%q, "Alphanumeric");
		symbol.make();
		let dark = "";
		for (let y = 0; y < symbol.getModuleCount(); y++) for (let x = 0; x < symbol.getModuleCount(); x++) if (symbol.isDark(y, x)) dark += "M" + (x + 4) + " " + (y + 4) + "h1v1h-1z";
		return dark.length > 1000 && document.querySelector("#sheet-code path").getAttribute("d") === dark;
	})()`, key.Text())); !same {
		t.Error("the QR code is not that of the key")
	}
}

// A key that was used and not saved is replaced only after a question.
func TestUnsavedKeyIsKept(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	b.click("new-key")
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	before := eval[string](b, `document.getElementById("fingerprint").textContent`)
	b.choose("file", write(t, "scene.png", encode(t, scene(70, 50))))
	b.settled()
	b.click("start")
	b.until(`document.querySelector(".row").dataset.state === "done"`)
	b.settled()
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

// The key that seals a picture stays until the run has ended, and can be saved then, whether
// another key is pasted meanwhile or was being created when the run began.
func TestKeyStaysDuringWork(t *testing.T) {
	t.Parallel()
	other := newKey(t)
	address := serve(t)
	start := `document.getElementById("start").click()`
	for name, act := range map[string]string{
		"pasted":         start + ";" + pasting(fmt.Sprintf(`data.setData("text/plain", %q)`, other.Text())),
		"pasted as file": start + ";" + pasting(fmt.Sprintf(`data.items.add(new File([%q], "other.key"))`, other.Text())),
		"new":            `document.getElementById("new-key").click(); ` + start,
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, address)
			b.click("new-key")
			b.until(`document.getElementById("fingerprint").textContent !== ""`)
			fingerprint := eval[string](b, `document.getElementById("fingerprint").textContent`)
			b.choose("file", write(t, "scene.png", encode(t, scene(70, 50))))
			b.settled()
			// In one task, so that the result does not depend on the time of the run.
			eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, act))
			b.until(`document.querySelector(".row").dataset.state === "done"`)
			b.settled()
			if now := eval[string](b, `document.getElementById("fingerprint").textContent`); now != fingerprint {
				t.Fatalf("the picture was sealed with the key %s, and the page has %s", fingerprint, now)
			}
			cipher := b.saved("scene.png", "scene.cipher.png")
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

// Cancelling one picture or all shows no error and leaves a page that works. Closing the tab
// during a run asks first.
func TestCancel(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	leaving := `(() => { const e = new Event("beforeunload", { cancelable: true }); dispatchEvent(e); return e.defaultPrevented })()`
	b.choose("key-file", write(t, "the.key", []byte(newKey(t).Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	if eval[bool](b, leaving) {
		t.Error("closing an idle tab is asked about")
	}
	b.choose("file", write(t, "large.png", encode(t, scene(1500, 1200))), write(t, "large too.png", encode(t, scene(1400, 1200))), write(t, "small.png", encode(t, scene(70, 50))))
	b.settled()
	release := b.hold(0.1)
	b.click("start")
	b.until(`document.getElementById("overall").value > 0.1`)
	if !eval[bool](b, leaving) {
		t.Error("closing the tab during work is not asked about")
	}
	// The remaining time is shown after two seconds.
	eval[bool](b, `(() => { const now = performance.now.bind(performance); performance.now = () => now() + 10_000; return true })()`)
	b.until(`/about \d+ (s|min) left/.test(document.getElementById("summary").textContent)`)
	eval[bool](b, `(document.querySelector(".row .row-remove").click(), true)`)
	b.until(`document.querySelector(".row").dataset.code === "canceled" && document.getElementById("list").dataset.state === "working"`)
	b.click("cancel")
	b.settled()
	release()
	for name, r := range b.rows() {
		if name != "small.png" && (r.State != "failed" || r.Code != "canceled") {
			t.Errorf("after cancelling, %s: %+v", name, r)
		}
	}
	if !eval[bool](b, `document.getElementById("error").hidden`) {
		t.Errorf("cancelling shows an error\n%s", b.state())
	}
	b.click("clear")
	b.choose("file", write(t, "again.png", encode(t, scene(70, 50))))
	b.settled()
	b.click("start")
	b.until(`document.querySelector(".row").dataset.state === "done"`)
}

// The wasm contains no training code.
func TestWasmHoldsNoTraining(t *testing.T) {
	t.Parallel()
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

	// Export is in packages that the wasm imports; the linker must drop it.
	module := filepath.Join(t.TempDir(), "encipher.wasm")
	c = exec.Command("go", "build", "-buildvcs=false", "-o", module, "enciphergan/wasm")
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
	for _, name := range []string{"internal/training", "internal/network.Export", "internal/network.NewFiles", "internal/network.NewWeights", "internal/onnx.Encode",
		"internal/op.conv2DGradient.differentiate", "internal/op.tanhBackward.backward", "internal/kernel.Conv2DGradWeight", "internal/kernel.TanhGrad"} {
		if bytes.Contains(code, []byte(name)) {
			t.Errorf("the wasm holds %s", name)
		}
	}
}

// Keys and pictures can be dropped and pasted, and fields take what is pasted into them.
func TestDropAndPaste(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	b := open(t, serve(t))
	b.drop("some.key", []byte(key.Text()))
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, key.Fingerprint()))
	b.paste(fmt.Sprintf(`data.setData("text/plain", %q)`, other.Text()))
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, other.Fingerprint()))
	b.fill("key-paste", key.Text())
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q && document.getElementById("key-paste").value === ""`, key.Fingerprint()))
	picture := base64.StdEncoding.EncodeToString(encode(t, scene(40, 30)))
	b.paste(fmt.Sprintf(`data.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], "pasted.png", { type: "image/png" }))`, picture))
	b.until(`document.querySelector(".row-name")?.textContent === "pasted.png" && document.querySelector(".row").dataset.state === "waiting"`)
	for _, field := range []string{"key-paste", "passphrase", "recipients", "identity", "sealed-secret"} {
		if !eval[bool](b, fmt.Sprintf(`(() => {
			const data = new DataTransfer();
			data.setData("text/plain", "words");
			const e = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
			document.getElementById(%q).dispatchEvent(e);
			return !e.defaultPrevented;
		})()`, field)) {
			t.Errorf("the field %s does not take what is pasted", field)
		}
	}
}

// The page uses the browser's language if it has it, and a language that the user selects at
// once and after a reload.
func TestLanguages(t *testing.T) {
	t.Parallel()
	address := serve(t)
	b := open(t, address)
	speaks := func(lang, words string) string {
		return fmt.Sprintf(`document.documentElement.lang === %q && document.getElementById("drop-title").textContent.includes(%q)`, lang, words)
	}
	b.until(speaks("en", "Drop"))
	b.choose("file", write(t, "notes.txt", []byte("no picture")))
	b.settled()
	eval[bool](b, `(() => { const s = document.getElementById("language"); s.value = "de"; s.dispatchEvent(new Event("change")); return true })()`)
	b.until(speaks("de", "ziehen"))
	b.until(`document.querySelector(".row-note").innerText.includes("kein Bild")`)
	b.do(chromedp.Navigate(address))
	b.ready()
	b.until(speaks("de", "ziehen"))
}

// A picture of a format that the wasm cannot read is decoded by the browser.
func TestBrowserDecodesOthers(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	if !eval[bool](b, `(async () => Boolean(globalThis.ImageDecoder) && (await ImageDecoder.isTypeSupported("image/avif")))()`) {
		if os.Getenv("CI") != "" {
			t.Fatal("this Chromium has no AVIF decoder")
		}
		t.Skip("this Chromium has no AVIF decoder")
	}
	b.choose("key-file", write(t, "the.key", []byte(newKey(t).Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	b.choose("file", absolute(t, filepath.Join("testdata", "gradient.avif")))
	b.settled()
	b.click("start")
	b.until(`document.querySelector(".row").dataset.state === "done"`)
	if r := b.rows()["gradient.avif"]; !strings.Contains(r.Words, "Converted by your browser (image/avif)") {
		t.Errorf("that the browser decoded the file is not said: %+v", r)
	}

	// The original file cannot be kept, because the wasm cannot check that it is of the
	// picture: encrypting it with exact "file" fails.
	b.click("clear")
	eval[bool](b, `(() => { document.getElementById("exact").value = "file"; return true })()`)
	b.choose("file", absolute(t, filepath.Join("testdata", "gradient.avif")), write(t, "scene.png", encode(t, scene(40, 30))))
	b.settled()
	b.click("start")
	b.finished()
	b.done("scene.png")
	if r := b.rows()["gradient.avif"]; r.State != "failed" || r.Code != "not-kept" || !strings.Contains(r.Words, "cannot be included") {
		t.Errorf("the file itself of a kind that the browser alone decodes: %+v", r)
	}
	eval[bool](b, `(() => { document.getElementById("exact").value = "on"; return true })()`)
	b.click("start")
	b.until(`[...document.querySelectorAll(".row")].every((r) => r.dataset.state === "done")`)
}

// paste pastes what a statement puts into data.
func (b *tab) paste(fill string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, pasting(fill)))
}

// pasting returns a statement that pastes what fill puts into data.
func pasting(fill string) string {
	return fmt.Sprintf(`{
		const data = new DataTransfer();
		%s;
		document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
	}`, fill)
}
