package browsertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/chromedp/chromedp"

	"enciphergan"
	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

// ownModels writes copies of the default model into sub-folders of a folder for the server's
// -dir. Each has the name of its folder and a note on its card.
func ownModels(t *testing.T, notes map[string]string) string {
	t.Helper()
	f, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, note := range notes {
		var card map[string]any
		if err := json.Unmarshal(f.Card, &card); err != nil {
			t.Fatal(err)
		}
		card["name"], card["note"] = name, note
		text, err := json.Marshal(card)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string][]byte{"card.json": text, "encryption.onnx": f.Encryption, "decryption.onnx": f.Decryption} {
			if err := os.WriteFile(filepath.Join(dir, name, file), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// selecting returns a statement that selects models one after the other.
func selecting(names ...string) string {
	var statement string
	for _, name := range names {
		statement += fmt.Sprintf(`document.getElementById("model").value = %q; document.getElementById("model").dispatchEvent(new Event("change"));`, name)
	}
	return statement
}

// While a model is loaded no run can start with the model before; if loading fails, the model
// before stays.
func TestModelIsLoadedBeforeWork(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t, "-dir", ownModels(t, map[string]string{"one": "", "three": "", "two": ""})))
	uses := func(name string) string {
		return fmt.Sprintf(`document.getElementById("engine-text").textContent.endsWith(%q) && document.getElementById("model").value === %q && !document.getElementById("start").disabled`, " "+name, name)
	}
	b.until(uses("one"))
	b.click("new-key")
	b.choose("file", write(t, "scene.png", encode(t, scene(70, 50))))
	b.settled()

	if !eval[bool](b, fmt.Sprintf(`(() => { %s; return document.getElementById("start").disabled && document.getElementById("start-zip").disabled })()`, selecting("two"))) {
		t.Error("the model before can be worked with while another is loaded")
	}
	b.until(uses("two"))
	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, selecting("three", "one")))
	b.until(uses("one"))

	eval[bool](b, fmt.Sprintf(`(() => { globalThis.online = fetch; globalThis.fetch = async () => new Response("", { status: 503 }); %s; return true })()`, selecting("two")))
	b.expectError("internal")
	b.until(uses("one"))
	eval[bool](b, `(globalThis.fetch = online, true)`)
	b.click("start")
	b.until(`document.querySelector(".row").dataset.state === "done"`)
}

// Models with a note are listed after the others, and the note of the current model is shown.
func TestNoteOfModel(t *testing.T) {
	t.Parallel()
	const note = "To measure with: what it recovers is <b>less</b> exact."
	b := open(t, serve(t, "-dir", ownModels(t, map[string]string{"measured": note, "plain": ""})))
	if names := eval[string](b, `[...document.getElementById("model").options].slice(0, 2).map((o) => o.text).join(" ")`); names != "plain measured" {
		t.Errorf("the models are offered in the order %s", names)
	}
	shown := `(document.getElementById("model-note").checkVisibility() ? document.getElementById("model-note").textContent : "")`
	if got := eval[string](b, shown); got != "" {
		t.Errorf("a model without a note shows %q", got)
	}
	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, selecting("measured")))
	b.until(fmt.Sprintf(`%s === %q`, shown, note))
	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, selecting("plain")))
	b.until(shown + ` === ""`)
}

// unseal enters a secret into the dialog for sealed files.
func (b *tab) unseal(secret string) {
	b.t.Helper()
	b.until(`document.getElementById("sealed").open`)
	eval[bool](b, fmt.Sprintf(`(() => { document.getElementById("sealed-secret").value = %q; document.querySelector("#sealed button[value=open]").click(); return true })()`, secret))
}

// The page asks for the secret of a sealed model, again after a wrong one, and opens it with
// its passphrase or an identity. A user without a secret gets another model.
func TestSealedModelInPage(t *testing.T) {
	t.Parallel()
	p, err := encipher.NewPassphrase("a passphrase")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	r, err := encipher.ParseRecipients(identity.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	files, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	// Our server lists models that are not sealed first, but another site need not.
	s := site.New()
	s.UseForms(os.DirFS(filepath.Join(bundled(t, ""), "forms")))
	for _, m := range []struct {
		name string
		by   encipher.Sealer
	}{{"first", p}, {"second", r}} {
		sealed, err := encipher.SealModel(files, m.by)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AddSealedModel(m.name, sealed); err != nil {
			t.Fatal(err)
		}
	}
	addModels(t, s)
	if err := s.AddPage(static.Files, os.DirFS(bundled(t, ""))); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	b := visit(t, server.URL+"/")
	uses := func(name string) string {
		return fmt.Sprintf(`document.getElementById("engine").dataset.state === "ready" && document.getElementById("model").value === %q && document.getElementById("list").dataset.state !== "busy"`, name)
	}
	asks := `document.getElementById("sealed").open && document.getElementById("sealed-title").textContent.includes(%q)`
	b.until(fmt.Sprintf(asks, "first"))
	for _, wrong := range []string{"another passphrase", "AGE-SECRET-KEY-1MISTYPED"} {
		b.unseal(wrong)
		b.until(`document.getElementById("sealed").open && document.getElementById("sealed-wrong").checkVisibility()`)
	}
	b.unseal("a passphrase")
	b.until(uses("first"))
	if got, want := eval[string](b, `document.getElementById("engine").title`), native(t).Fingerprint(); !strings.Contains(got, want) {
		t.Errorf("the page uses %q, want the model %s", got, want)
	}

	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, selecting("second")))
	b.until(fmt.Sprintf(asks, "second"))
	eval[bool](b, `(document.querySelector("#sealed button[value='']").click(), true)`)
	b.until(uses("first"))
	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, selecting("second")))
	b.until(fmt.Sprintf(asks, "second"))
	b.unseal(identity.String())
	b.until(uses("second"))
	b.until(`document.getElementById("offline").dataset.state === "ready"`)

	// A user without a secret gets the first model that is not sealed.
	b.do(chromedp.Reload())
	b.until(fmt.Sprintf(asks, "first"))
	eval[bool](b, `(document.querySelector("#sealed button[value='']").click(), true)`)
	b.until(uses(models.Default))
	key := newKey(t)
	b.works(key)
}

// A key file that is sealed with age can be opened, binary or armored.
func TestSealedKeyFile(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	b := open(t, serve(t))
	for _, armored := range []bool{false, true} {
		recipient, err := age.NewScryptRecipient("a passphrase")
		if err != nil {
			t.Fatal(err)
		}
		recipient.SetWorkFactor(10)
		var file bytes.Buffer
		var to io.WriteCloser = struct {
			io.Writer
			io.Closer
		}{&file, io.NopCloser(nil)}
		if armored {
			to = armor.NewWriter(&file)
		}
		w, err := age.Encrypt(to, recipient)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(w, key.Text())
		if err := errors.Join(w.Close(), to.Close()); err != nil {
			t.Fatal(err)
		}
		if armored { // pasted into the field, which has one line
			eval[bool](b, fmt.Sprintf(`(() => {
				const data = new DataTransfer();
				data.setData("text/plain", %q);
				document.getElementById("key-paste").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
				return true;
			})()`, file.String()))
		} else {
			b.choose("key-file", write(t, "sealed.key.age", file.Bytes()))
		}
		b.unseal("another passphrase")
		b.until(`document.getElementById("sealed-wrong").checkVisibility()`)
		b.unseal("a passphrase")
		b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, key.Fingerprint()))
		other := newKey(t)
		b.choose("key-file", write(t, "other.key", []byte(other.Text())))
		b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, other.Fingerprint()))
	}
}
