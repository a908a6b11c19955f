package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// In each of the page's main states, at phone, tablet and desktop width, light
// and dark, nothing is cut off sideways and every control has a name. With
// ENCIPHER_SCREENSHOTS set to a folder, a picture of each is left there.
func TestScreenshots(t *testing.T) {
	b := open(t, serve(t, "-dir", ownModels(t, map[string]string{
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
				if nameless := eval[int](b, `[...document.querySelectorAll("button, input, select, img")].filter((e) => !e.hidden && !(e.innerText || e.ariaLabel || e.alt || e.labels?.length) && e.getAttribute("alt") !== "").length`); nameless > 0 {
					t.Errorf("%s: %d controls or pictures have no name", name, nameless)
				}
				picture(b, name)
			}
		}
	}
	look("1-start")
	eval[bool](b, fmt.Sprintf(`(() => { %s; return true })()`, selecting("measured-with-long-name")))
	b.until(`document.getElementById("model-note").textContent !== ""`)
	b.click("new-key")
	b.until(`!document.getElementById("save-key").hidden`)
	b.choose("file", absolute(t, filepath.Join("testdata", "photo.jpg")))
	b.until(`!document.getElementById("encrypt").hidden`)
	look("2-picture")
	b.choose("file", write(t, "large.png", encode(t, scene(1500, 1200))))
	b.until(`document.getElementById("job-name").textContent === "large.png"`)
	b.click("encrypt")
	b.until(`document.getElementById("progress").value > 0`)
	look("3-working")
	b.click("cancel")
	b.idle()
	b.choose("file", absolute(t, filepath.Join("testdata", "photo.jpg")))
	b.until(`document.getElementById("job-name").textContent === "photo.jpg"`)
	b.click("encrypt")
	b.until(`!document.getElementById("check").hidden`)
	b.idle()
	b.click("check")
	b.until(`document.getElementById("check").hidden`)
	b.idle()
	look("4-encrypted")
	notPicture := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(notPicture, []byte("not a picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.choose("file", notPicture)
	b.until(`!document.getElementById("error").hidden`)
	look("5-error")
}

// picture saves a screenshot of the whole page where a folder for it is named.
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
