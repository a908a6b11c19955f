// Command icons draws the page's icons, which are SVG, as PNG files for systems that do not
// support SVG. `make icons` runs it; the files are part of the repository.
//
// Main path: for each size, open the SVG in headless Chromium and save a screenshot.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"enciphergan/internal/atomicfile"
)

const folder = "static"

// icons lists the files with their source and their side in pixels. The last two have no
// rounded corners, as the system's mask cuts them.
var icons = []struct {
	file, source string
	side         int64
}{
	{"icon-192.png", "icon.svg", 192},
	{"icon-512.png", "icon.svg", 512},
	{"icon-maskable-512.png", "icon-maskable.svg", 512},
	{"apple-touch-icon.png", "icon-maskable.svg", 180},
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintf(os.Stderr, "icons: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	options := chromedp.DefaultExecAllocatorOptions[:]
	if path := os.Getenv("CHROMIUM"); path != "" {
		options = append(options[:len(options):len(options)], chromedp.ExecPath(path))
	}
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	ctx, cancel := chromedp.NewContext(ctx)
	defer cancel()
	for _, icon := range icons {
		svg, err := os.ReadFile(filepath.Join(folder, icon.source))
		if err != nil {
			return err
		}
		image := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)
		html := fmt.Sprintf(`<body style="margin:0"><img style="display:block" width=%d height=%d src=%q>`, icon.side, icon.side, image)
		if err := chromedp.Do(ctx,
			chromedp.EmulateViewport(icon.side, icon.side),
			chromedp.Navigate("data:text/html;base64,"+base64.StdEncoding.EncodeToString([]byte(html)))); err != nil {
			return err
		}
		// The corners are transparent. An alpha of 0 would be omitted from the request, which means 1.
		if _, err := chromedp.Call(ctx, emulation.SetDefaultBackgroundColorOverride, emulation.SetDefaultBackgroundColorOverrideParams{Color: &cdp.RGBA{A: .001}}); err != nil {
			return err
		}
		shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
		if err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(folder, icon.file), shot.Data, 0o666); err != nil {
			return err
		}
	}
	return nil
}
