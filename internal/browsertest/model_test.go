package browsertest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"enciphergan/models"
)

// ownModels writes copies of the default model into sub-folders of a folder for
// the server's -dir, each with its folder's name and the note on its card.
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

// selecting is the statement that selects models, one right after the other.
func selecting(names ...string) string {
	var statement string
	for _, name := range names {
		statement += fmt.Sprintf(`document.getElementById("model").value = %q; document.getElementById("model").dispatchEvent(new Event("change"));`, name)
	}
	return statement
}

// While a model is loaded nothing can be worked on with the one before; where
// the load fails, that one stays.
func TestModelIsLoadedBeforeWork(t *testing.T) {
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

// Models with a note are offered after the others, and the note of the model in
// use is shown.
func TestNoteOfModel(t *testing.T) {
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
