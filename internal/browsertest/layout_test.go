package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"enciphergan"
)

// In each of the page's main states, at phone, tablet and desktop width, light and dark,
// nothing overflows horizontally, every control has a name, and axe finds no violation. With
// ENCIPHER_SCREENSHOTS set to a folder, it saves a screenshot of each there.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	b := openStored(t, serve(t, "-dir", ownModels(t, map[string]string{
		"plain":                   "",
		"measured-with-long-name": "Widened less: for measurements at kappa 1; recovered pictures are less exact.",
	})))
	look := func(state string) {
		for _, scheme := range []string{"light", "dark"} {
			call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
			})
			for _, width := range []int64{360, 768, 1440} {
				b.do(chromedp.EmulateViewport(width, 900))
				name := fmt.Sprintf("%s-%s-%d", state, scheme, width)
				if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("%s: the page is %d px too wide", name, over)
				}
				if nameless := eval[int](b, `[...document.querySelectorAll("button, input, select, textarea, img")].filter((e) => e.checkVisibility() && !(e.innerText || e.ariaLabel || e.alt || e.labels?.length) && e.getAttribute("alt") !== "").length`); nameless > 0 {
					t.Errorf("%s: %d controls or pictures have no name", name, nameless)
				}
				if width != 768 {
					b.accessible(axe, name)
				}
				picture(b, name)
			}
		}
	}
	photo := absolute(t, filepath.Join("testdata", "photo.jpg"))
	look("1-start")
	// Other tests show these elements as a user would.
	eval[bool](b, `(document.getElementById("update").hidden = document.getElementById("update-unsaved").hidden = false, true)`)
	look("10-update")
	eval[bool](b, `(document.getElementById("update").hidden = true)`)
	eval[bool](b, `(document.getElementById("sealed-title").textContent = "The model family is sealed", document.getElementById("sealed-wrong").hidden = false, document.getElementById("sealed").showModal(), true)`)
	look("11-sealed")
	eval[bool](b, `(document.getElementById("sealed").close(), true)`)

	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, selecting("measured-with-long-name")))
	b.until(`document.getElementById("model-note").textContent !== ""`)
	b.click("new-key")
	b.until(`!document.getElementById("save-key").hidden`)
	b.choose("file", photo, write(t, "large.png", encode(t, scene(1500, 1200))), write(t, "garden with a rather long name, as cameras and people give them, 2024.png", encode(t, scene(220, 160))))
	b.settled()
	look("2-ready")

	release := b.hold(0.2)
	b.click("start")
	b.until(`document.getElementById("overall").value > 0.2`)
	look("3-working")
	b.click("cancel")
	b.settled()
	release()

	b.click("clear")
	m := native(t)
	other, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	bare, err := m.Encrypt(t.Context(), encode(t, scene(70, 50)), other, encipher.WithContent(encipher.ContentBareCipher))
	if err != nil {
		t.Fatal(err)
	}
	b.choose("file", photo, write(t, "scene.png", encode(t, scene(70, 50))), write(t, "notes.txt", []byte("not a picture")),
		write(t, "study.png", bare.PNG), write(t, "huge.png", declaring(20_000, 10_000)))
	b.settled()
	b.allow("study.png")
	b.click("start")
	b.finished()
	look("4-done")

	b.click("clear")
	b.choose("file", photo)
	b.settled()
	b.click("start")
	b.until(`document.querySelectorAll("#view svg.scatter").length === 4`)
	look("5-view")

	eval[bool](b, `(document.querySelector("[name=mode][value=passphrase]").click(), true)`)
	b.click("suggest")
	b.until(`!document.getElementById("strength").hidden && document.getElementById("strength-text").textContent`)
	look("6-passphrase")
	eval[bool](b, `(document.querySelector("[name=mode][value=recipients]").click(), document.getElementById("clear").click(), true)`)
	look("7-recipients")
	eval[bool](b, `(document.querySelector("[name=mode][value=key]").click(), document.getElementById("backup").click(), true)`)
	b.until(`document.getElementById("sheet").open`)
	look("8-backup")
	eval[bool](b, `(document.getElementById("sheet").close(), true)`)

	b.choose("key-file", write(t, "empty.key", nil))
	b.until(`!document.getElementById("error").hidden`)
	eval[bool](b, `(() => { const s = document.getElementById("language"); s.value = "de"; s.dispatchEvent(new Event("change")); return true })()`)
	b.choose("file", photo, write(t, "notes.txt", []byte("not a picture")))
	b.settled()
	b.choose("key-file", write(t, "empty.key", nil))
	b.until(`!document.getElementById("error").hidden`)
	look("9-german-error")
}

// axeCore returns the source of axe-core, from npm.
func axeCore(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root(t), "tools", "npm", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("axe-core is missing: %v", err)
		}
		t.Log("axe-core is not installed, so accessibility is checked in part only: run npm ci in tools/npm")
	}
	return string(source)
}

// accessible runs axe on the page.
func (b *tab) accessible(axe, name string) {
	b.t.Helper()
	if axe == "" {
		return
	}
	// DevTools evaluates it, because the page's policy blocks other scripts.
	eval[bool](b, axe+"; true")
	for _, found := range eval[[]string](b, `axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target + " " + n.html.slice(0, 120) + " " + n.failureSummary)))`) {
		b.t.Errorf("%s: axe finds %s", name, found)
	}
}

// picture saves a screenshot of the page, if a folder for them is set.
func picture(b *tab, name string) {
	b.t.Helper()
	dir := os.Getenv("ENCIPHER_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
