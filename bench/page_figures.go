package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
)

var lighthouseFolder = filepath.Join("bench", "lighthouse")

// page measures the page in headless Chromium, served by the server: a photo of 4000 x
// 3000 pixels with one worker and with two, the longest task of the main thread
// meanwhile, the time until a cancel takes effect, and the scores of Lighthouse.
func page(ctx context.Context, to io.Writer) error {
	dir, err := os.MkdirTemp("", "encipher-page")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	address, stop, err := startServer(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	photo := filepath.Join(dir, "photo.jpg")
	if err := writePhoto(photo, 4000, 3000); err != nil {
		return err
	}
	content, err := os.ReadFile(photo)
	if err != nil {
		return err
	}
	if err := measurePage(ctx, to, address, content); err != nil {
		return err
	}
	return lighthouse(ctx, to, address)
}

var served = regexp.MustCompile(`https?://[^ ]+/`)

// startServer builds and starts the server on a free port.
func startServer(ctx context.Context, dir string) (address string, stop func(), err error) {
	program := filepath.Join(dir, "server")
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "./cmd/encipher-server").CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("building the server: %w: %s", err, out)
	}
	c := exec.CommandContext(ctx, program, "-addr", "127.0.0.1:0")
	out, err := c.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		return "", nil, fmt.Errorf("starting the server: %w", err)
	}
	stop = func() {
		c.Process.Kill()
		c.Wait()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address := served.FindString(lines.Text()); address != "" {
			return address, stop, nil
		}
	}
	stop()
	return "", nil, errors.New("the server printed no address")
}

func measurePage(ctx context.Context, to io.Writer, address string, photo []byte) error {
	path, err := chromium()
	if err != nil {
		return err
	}
	allocator, endBrowser := chromedp.NewExecAllocator(ctx, append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.Flag("disable-component-update", true))...)
	defer endBrowser()
	browser, endTab := chromedp.NewContext(allocator)
	defer endTab()
	t := &tab{ctx: browser}
	if err := chromedp.Do(browser, chromedp.Navigate(address)); err != nil {
		return fmt.Errorf("opening the page: %w", err)
	}
	text, err := json.Marshal(base64.StdEncoding.EncodeToString(photo))
	if err != nil {
		return err
	}
	type figures struct {
		Encrypt, Decrypt, Longest, Cancel, Again float64
	}
	// The module of the page, so that its files are cached and its policy exists once.
	if _, err := evaluate[bool](ctx, t, fmt.Sprintf(`(async () => {
		const own = document.querySelector("script[src]").src;
		globalThis.engine = await import(new URL("encipher.js", own).href);
		globalThis.photo = new Blob([Uint8Array.from(atob(%s), (c) => c.charCodeAt(0))]);
		globalThis.longest = 0;
		new PerformanceObserver((list) => { for (const e of list.getEntries()) longest = Math.max(longest, e.duration); }).observe({ entryTypes: ["longtask"] });
		return true;
	})()`, text)); err != nil {
		return err
	}
	for _, workers := range []int{1, 2} {
		f, err := evaluate[figures](ctx, t, fmt.Sprintf(`(async () => {
			const encipher = await engine.Encipher.load({ workers: %d });
			const { text: key } = await encipher.newKey();
			await new Promise((done) => setTimeout(done, 200)); // skip the tasks of loading
			longest = 0;
			const timed = async (work) => { const start = performance.now(); const result = await work(); return [performance.now() - start, result]; };
			const [encrypt, { png }] = await timed(() => encipher.encrypt(photo, { key }));
			const [decrypt] = await timed(() => encipher.decrypt(png, { key }));
			const mean = (a, b) => (a + b) / 2;
			const cancels = [];
			let again = 0;
			for (let i = 0; i < 5; i++) {
				const controller = new AbortController();
				const call = encipher.encrypt(photo, { key, signal: controller.signal }).then(() => "done", (error) => error.code);
				await new Promise((done) => setTimeout(done, 600 + 200 * i));
				const [cancel, code] = await timed(() => { controller.abort(); return call; });
				if (code !== "canceled") throw new Error(code);
				cancels.push(cancel);
				[again] = await timed(() => encipher.newKey());
			}
			await new Promise((done) => setTimeout(done, 200));
			encipher.dispose();
			return { Encrypt: encrypt, Decrypt: decrypt, Longest: longest, Cancel: Math.max(...cancels), Again: again };
		})()`, workers))
		if err != nil {
			return err
		}
		longest := "below 50 ms"
		if f.Longest > 0 {
			longest = fmt.Sprintf("%.0f ms", f.Longest)
		}
		fmt.Fprintf(to, "12 megapixels in the page, workers %d: encrypt %.1f s, decrypt %.1f s; longest task of the main thread %s; "+
			"a cancel takes effect after at most %.0f ms of 5, the next call returns after %.0f ms\n",
			workers, f.Encrypt/1e3, f.Decrypt/1e3, longest, f.Cancel, f.Again)
	}
	return nil
}

// lighthouse prints the scores of Lighthouse, of 100.
func lighthouse(ctx context.Context, to io.Writer, address string) error {
	if _, err := os.Stat(filepath.Join(lighthouseFolder, "node_modules", "lighthouse")); err != nil {
		return &missingPeer{"Lighthouse is not installed: make page-figures installs it"}
	}
	path, err := chromium()
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(bounded, "node", filepath.Join("node_modules", "lighthouse", "cli", "index.js"), address, "--quiet", "--output=json",
		"--only-categories=performance,accessibility,best-practices", "--chrome-flags=--headless=new --no-sandbox --disable-gpu")
	c.Dir, c.Env = lighthouseFolder, append(os.Environ(), "CHROME_PATH="+path)
	out, err := c.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return fmt.Errorf("lighthouse: %w: %s", err, failed.Stderr)
	}
	if err != nil {
		return fmt.Errorf("lighthouse: %w", err)
	}
	var report struct {
		Categories map[string]struct {
			Title string
			Score float64
		}
		Audits map[string]struct {
			Title            string
			Score            *float64
			ScoreDisplayMode string
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return fmt.Errorf("lighthouse's report: %w", err)
	}
	if len(report.Categories) == 0 {
		return errors.New("lighthouse's report has no scores")
	}
	for _, id := range []string{"performance", "accessibility", "best-practices"} {
		fmt.Fprintf(to, "Lighthouse, %s: %.0f\n", report.Categories[id].Title, 100*report.Categories[id].Score)
	}
	for id, a := range report.Audits {
		if a.Score != nil && *a.Score < 0.9 && a.ScoreDisplayMode != "informative" {
			fmt.Fprintf(to, "  below: %s: %s\n", id, a.Title)
		}
	}
	return nil
}
