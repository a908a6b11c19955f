package static

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"strings"
	"testing"
)

// TestIcons checks that the icons of the manifest exist in the declared sizes, with the purposes any and
// maskable, as SVG and as PNG.
func TestIcons(t *testing.T) {
	type icon struct{ Src, Sizes, Type, Purpose string }
	var manifest struct {
		Icons     []icon
		Shortcuts []struct{ Icons []icon }
	}
	text, err := Files.ReadFile("manifest.webmanifest")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	icons := append(manifest.Icons, icon{"apple-touch-icon.png", "180x180", "image/png", ""})
	for _, s := range manifest.Shortcuts {
		icons = append(icons, s.Icons...)
	}
	for _, i := range icons {
		kinds[i.Purpose+" "+i.Type] = true
		content, err := Files.ReadFile(i.Src)
		if err != nil {
			t.Errorf("%s: %v", i.Src, err)
			continue
		}
		if i.Type == "image/svg+xml" {
			if i.Sizes != "any" || !strings.HasPrefix(string(content), "<svg ") {
				t.Errorf("%s is no SVG of any size", i.Src)
			}
			continue
		}
		c, err := png.DecodeConfig(bytes.NewReader(content))
		if err != nil || fmt.Sprintf("%dx%d", c.Width, c.Height) != i.Sizes {
			t.Errorf("%s has %dx%d pixels, the manifest says %s (%v)", i.Src, c.Width, c.Height, i.Sizes, err)
		}
	}
	for _, kind := range []string{"any image/svg+xml", "any image/png", "maskable image/svg+xml", "maskable image/png"} {
		if !kinds[kind] {
			t.Errorf("there is no icon for %s", kind)
		}
	}
}
