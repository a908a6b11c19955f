package browsertest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"enciphergan"
	"enciphergan/internal/container"
	"enciphergan/internal/network"
	decoding "enciphergan/internal/picture"
	"enciphergan/internal/record"
	"enciphergan/models"
)

// A bare cipher image is skipped by every run, into a ZIP or not, until the user chooses to
// open it, and has a visible warning.
func TestBareCipherIsLeftOut(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	m := native(t)
	content := encode(t, scene(70, 50))
	bare, err := m.Encrypt(t.Context(), content, key, encipher.WithContent(encipher.ContentBareCipher))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := m.Encrypt(t.Context(), content, key)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, serve(t))
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	warned := `document.querySelector(".row-note.warning-text")?.checkVisibility() && document.querySelector(".row-note.warning-text").innerText.includes("Not sealed")`

	b.choose("file", write(t, "study.png", bare.PNG))
	b.settled()
	b.until(warned)
	if eval[bool](b, `document.getElementById("start").checkVisibility()`) {
		t.Error("a run is offered for a bare cipher alone, which nobody turned on")
	}
	if state := eval[string](b, `document.querySelector(".row-state").textContent`); state != "Skipped" {
		t.Errorf("of a bare cipher the page says: %s", state)
	}

	b.choose("file", write(t, "one.png", sealed.PNG), write(t, "two.png", sealed.PNG))
	b.settled()
	eval[bool](b, `(async () => {
		const place = await (await navigator.storage.getDirectory()).getFileHandle("encipher.zip", { create: true });
		globalThis.showSaveFilePicker = async () => place;
		return true;
	})()`)
	if words := eval[string](b, `document.getElementById("start").textContent`); words != "Decrypt 2 pictures" {
		t.Errorf("the run that is offered: %q", words)
	}
	b.click("start-zip")
	b.until(`document.getElementById("list").dataset.state === "idle" && [...document.querySelectorAll(".row")].filter((r) => r.dataset.state === "done").length === 2`)
	b.done("one.png", "two.png")
	if r := b.rows()["study.png"]; r.State != "waiting" {
		t.Errorf("the bare cipher in the ZIP's run: %+v", r)
	}
	archive, err := base64.StdEncoding.DecodeString(eval[string](b, `(async () => {
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
	if files := unzip(t, archive); len(files) != 2 || files["one.png"] == nil || files["two.png"] == nil {
		t.Errorf("the ZIP has %d files", len(files))
	}

	// Allowed and disallowed again, it is skipped.
	b.allow("study.png")
	b.until(`document.getElementById("start").checkVisibility()`)
	b.allow("study.png")
	b.until(`!document.getElementById("start").checkVisibility()`)
	b.allow("study.png")
	b.until(warned)
	b.click("start")
	b.until(`[...document.querySelectorAll(".row")].every((r) => r.dataset.state === "done")`)
	b.until(warned)
	b.until(`document.querySelectorAll("#view svg.scatter").length === 3`) // the view opens it, too
	if back := b.saved("study.png", "study.unsealed.png"); !bytes.HasPrefix(back, []byte("\x89PNG")) {
		t.Error("the bare cipher was not decrypted")
	}

	// Other pages must pass bareCipher.
	got := eval[string](b, fmt.Sprintf(`(async () => {
		const { Encipher } = await import(new URL("encipher.js", document.querySelector("script[src]").src).href);
		const encipher = await Encipher.load({ workers: 1 });
		const file = new Blob([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))]);
		const key = %q;
		const code = (options) => encipher.decrypt(file, { key, ...options }).then(({ sealed, exact, name }) => [sealed, exact, name].join(), (error) => error.code);
		return [(await encipher.inspect(file)).bare, await code({}), await code({ bareCipher: false }), await code({ approximate: true, views: true }), await code({ bareCipher: 1 }), await code({ bareCipher: true, name: "a/b.png" })].join(" ");
	})()`, base64.StdEncoding.EncodeToString(bare.PNG), key.Text()))
	if want := "true not-sealed not-sealed not-sealed bad-argument false,false,a/b.unsealed.png"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// allow toggles whether a bare cipher image is opened.
func (b *tab) allow(name string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => {
		for (const r of document.querySelectorAll(".row")) {
			if (r.querySelector(".row-name").textContent !== %q) continue;
			if (!r.querySelector(".row-allow").checkVisibility()) throw new Error("it cannot be turned on");
			r.querySelector(".row-allow input").click();
			return true;
		}
		throw new Error("there is no such row");
	})()`, name))
}

// resealed returns a function that seals a cipher image again with a changed record, as anyone
// can for a public recipient.
func resealed(t *testing.T, png []byte, key encipher.Key) func(change func(record.Record)) []byte {
	t.Helper()
	files, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	model, err := network.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := container.Parse(png, decoding.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := sealed.Header.Tiling.Plan(sealed.Header.Height, sealed.Header.Width)
	if err != nil {
		t.Fatal(err)
	}
	subkeys := key.Subkeys(sealed.Header.Nonce)
	text, err := sealed.Open(subkeys, len(plan.Tiles)*model.StatisticsBytes())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := record.Decode(text.Record)
	if err != nil {
		t.Fatal(err)
	}
	return func(change func(record.Record)) []byte {
		r := maps.Clone(whole)
		change(r)
		file, err := container.Seal(sealed.Header, subkeys, bytes.Clone(text.Levels), text.Statistics, r.Encode())
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
}

// A kept file that is not of the picture is never offered, and no name from inside or outside
// of a cipher image gives a result another type or folder.
func TestOtherFileIsNotOffered(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	original := encode(t, scene(40, 30))
	s, err := native(t).Encrypt(t.Context(), original, key, encipher.WithContent(encipher.ContentFile("holiday.png")))
	if err != nil {
		t.Fatal(err)
	}
	seal := resealed(t, s.PNG, key)
	b := open(t, serve(t))
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)

	const treacherous = "holiday\u202egnp.exe"
	b.choose("file",
		write(t, "program.png", seal(func(r record.Record) {
			r[record.File], r[record.Name] = append([]byte("MZ"), original...), []byte(treacherous)
		})),
		write(t, "other.png", seal(func(r record.Record) { r[record.File] = encode(t, scene(30, 40)) })),
		write(t, "name.png", seal(func(r record.Record) { r[record.Name] = []byte(treacherous) })))
	b.settled()
	b.click("start")
	b.finished()
	for _, name := range []string{"program.png", "other.png"} {
		if r := b.rows()[name]; r.State != "failed" || r.Code != "not-exact" || !strings.Contains(r.Words, "does not match the picture") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if n := eval[int](b, `[...document.querySelectorAll(".row-save")].filter((e) => e.checkVisibility()).length`); n != 1 {
		t.Errorf("%d results are offered, want 1", n)
	}
	if back := b.saved("name.png", "holidaygnp.exe.png"); !bytes.Equal(back, original) {
		t.Error("the file itself came back otherwise")
	}

	// The ZIP has safe names for folders with awkward names.
	b.click("clear")
	folder := filepath.Join(t.TempDir(), "holi\u202eday")
	for path, content := range map[string][]byte{"CON/a:b.png": s.PNG, `a\..\b.png`: s.PNG, "con.png": original, "é.png": original, "e\u0301.jpg": original, "n\u202egpj.png": seal(func(r record.Record) { delete(r, record.File); delete(r, record.Name) })} {
		path = filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.drag(folder)
	b.until(`document.querySelectorAll(".row").length === 6`)
	b.settled()
	b.click("start")
	b.finished()
	names := slices.Sorted(maps.Keys(unzip(t, b.save("#save-all", "encipher.zip"))))
	want := []string{"holiday/_CON/holiday.png", "holiday/_con.cipher.png", "holiday/e\u0301 (2).cipher.png", "holiday/holiday.png", "holiday/ngpj.png", "holiday/é.cipher.png"}
	swapped := slices.Clone(want) // whichever is read first
	swapped[2], swapped[5] = "holiday/e\u0301.cipher.png", "holiday/é (2).cipher.png"
	if !slices.Equal(names, want) && !slices.Equal(names, swapped) {
		t.Errorf("the ZIP has %q, want %q", names, want)
	}
}
