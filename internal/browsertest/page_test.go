package browsertest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Over plain HTTP from another machine the page works, says what the browser blocks and why,
// and does not offer it.
func TestInsecureContext(t *testing.T) {
	t.Parallel()
	b := visitAs(t, serve(t), "pictures.example", func(string) {})
	b.expectTrouble("untrustworthy") // what Chromium says of two headers, which it ignores there
	b.ready()
	if eval[bool](b, `isSecureContext`) {
		t.Fatal("the browser takes the page's origin for a secure one")
	}
	words := eval[string](b, `document.getElementById("insecure-warning").innerText`)
	for _, part := range []string{"HTTPS", "remembering your key", "offline"} {
		if !strings.Contains(words, part) {
			t.Errorf("the warning lacks %q: %q", part, words)
		}
	}
	b.until(`document.getElementById("offline").dataset.state === "none"`)
	if eval[bool](b, `document.getElementById("offline").checkVisibility()`) {
		t.Error("the page claims to work offline")
	}
	b.works(newKey(t))
	if eval[bool](b, `document.getElementById("remembering").checkVisibility()`) {
		t.Error("the page offers to remember a key, which it cannot")
	}
}

// Before the wasm is loaded the page accepts pictures, keys and settings, and processes them
// afterwards.
func TestPageBeforeTheProgram(t *testing.T) {
	t.Parallel()
	address := serve(t)
	arrived := make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	defer arrive() // also where the test fails before
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	b := visitAs(t, address, host, func(path string) {
		if strings.HasSuffix(path, ".wasm") {
			<-arrived
		}
	})
	b.until(`document.getElementById("engine").dataset.state === "loading" && document.getElementById("choose").checkVisibility()`)
	key := newKey(t)
	b.choose("file", write(t, "scene.png", encode(t, scene(70, 50))))
	b.until(`document.querySelector(".row-name")?.textContent === "scene.png"`)
	b.mode("passphrase")
	b.fill("passphrase", "correct horse battery staple")
	b.until(`document.getElementById("strength").dataset.score === "4"`)
	b.mode("key")
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	if state := eval[string](b, `document.getElementById("engine").dataset.state`); state != "loading" {
		t.Fatalf("the program is %s although its wasm was held back", state)
	}
	arrive()
	b.ready()
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, key.Fingerprint()))
	b.settled()
	b.click("start")
	b.until(`document.querySelector(".row").dataset.state === "done"`)
}

// The divider of the comparison follows keyboard and pointer, and the comparison can be
// enlarged.
func TestComparison(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	b.choose("key-file", write(t, "the.key", []byte(newKey(t).Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	b.choose("file", absolute(t, filepath.Join("testdata", "photo.jpg")))
	b.settled()
	b.click("start")
	b.until(`document.querySelectorAll("#view svg.scatter").length === 4 && document.getElementById("left-image").naturalWidth > 0`)
	divide := `document.getElementById("pair").style.getPropertyValue("--divide")`
	eval[bool](b, `(document.getElementById("divider").focus(), true)`)
	for _, step := range []struct{ key, want string }{{kb.ArrowRight, "51%"}, {kb.ArrowLeft, "50%"}, {kb.Home, "0%"}, {kb.End, "100%"}} {
		b.do(chromedp.KeyEvent(step.key))
		b.until(fmt.Sprintf(`%s === %q`, divide, step.want))
	}
	// The left picture is clipped at the divider.
	eval[bool](b, `(() => {
		const { left, top, width } = document.getElementById("pair").getBoundingClientRect();
		document.getElementById("pair").dispatchEvent(new PointerEvent("pointerdown", { isPrimary: true, buttons: 1, clientX: left + width / 4, clientY: top + 5, bubbles: true }));
		return true;
	})()`)
	b.until(divide + ` === "25%"`)
	if clip := eval[string](b, `getComputedStyle(document.getElementById("left-image")).clipPath`); !strings.Contains(clip, "75%") {
		t.Errorf("the left picture is cut as %s", clip)
	}
	for zoom, factor := range map[string]string{"1": "1", "4": "4"} {
		eval[bool](b, fmt.Sprintf(`(() => { const z = document.getElementById("zoom"); z.value = %q; z.dispatchEvent(new Event("change")); return true })()`, zoom))
		b.until(fmt.Sprintf(`Math.abs(document.getElementById("pair").getBoundingClientRect().width * devicePixelRatio - %s * document.getElementById("left-image").naturalWidth) < 1`, factor))
	}
	if rendering := eval[string](b, `getComputedStyle(document.getElementById("left-image")).imageRendering`); rendering != "pixelated" {
		t.Errorf("enlarged samples are drawn %s", rendering)
	}
	eval[bool](b, `(() => { const z = document.getElementById("zoom"); z.value = "0"; z.dispatchEvent(new Event("change")); return true })()`)
	b.until(`document.getElementById("stage").scrollWidth <= document.getElementById("stage").clientWidth`)
}

// Every visible control can be reached with the Tab key.
func TestEveryControlByKeyboard(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	b.choose("key-file", write(t, "the.key", []byte(newKey(t).Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	b.choose("file", write(t, "one.png", encode(t, scene(70, 50))))
	b.settled()
	b.click("start")
	b.until(`document.querySelectorAll("#view svg.scatter").length === 4`)
	b.choose("file", write(t, "two.png", encode(t, scene(50, 70))), write(t, "notes.txt", []byte("no picture")))
	b.settled()
	// A group of radio buttons is one stop, at the checked button.
	shown := eval[[]string](b, `(() => {
		const controls = [...document.querySelectorAll("button, input, select, textarea, summary, [tabindex='0']")]
			.filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0 && !(e.type === "radio" && !e.checked));
		controls.forEach((e, i) => (e.dataset.stop = i + ": " + (e.id || e.className || e.tagName)));
		document.activeElement.blur();
		return controls.map((e) => e.dataset.stop);
	})()`)
	if len(shown) < 20 {
		t.Fatalf("the page shows %d controls: %q", len(shown), shown)
	}
	var reached []string
	for range 2 * len(shown) {
		b.do(chromedp.KeyEvent(kb.Tab))
		if stop := eval[string](b, `document.activeElement?.dataset.stop ?? ""`); stop != "" {
			reached = append(reached, stop)
			if !eval[bool](b, `(() => { const s = getComputedStyle(document.activeElement.closest(".modes label") ?? document.activeElement); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 })()`) {
				t.Errorf("the focus on %s is not to be seen", stop)
			}
		}
	}
	for _, stop := range shown {
		if !slices.Contains(reached, stop) {
			t.Errorf("%s is not reached", stop)
		}
	}
}

// Only the key backup is printed, without its buttons.
func TestBackupIsPrintedAlone(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	b.choose("key-file", write(t, "the.key", []byte(newKey(t).Text())))
	b.click("backup")
	b.until(`document.getElementById("sheet").open`)
	eval[bool](b, `(globalThis.print = () => (globalThis.printed = true), true)`)
	b.click("print")
	b.until(`globalThis.printed`)
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if got := eval[string](b, `["header", "main", "#sheet", "#sheet-code svg", "#sheet-text", "#sheet .actions"].map((s) => s + " " + document.querySelector(s).checkVisibility()).join(", ")`); got != "header false, main false, #sheet true, #sheet-code svg true, #sheet-text true, #sheet .actions false" {
		t.Errorf("printed: %s", got)
	}
}

// The layout does not shift while the page loads.
func TestNothingMovesWhileLoading(t *testing.T) {
	t.Parallel()
	b := visit(t, serve(t))
	for _, width := range []int64{360, 412, 768, 1440} {
		b.do(chromedp.EmulateViewport(width, 900), chromedp.Reload())
		b.ready()
		b.until(`document.getElementById("offline").dataset.state === "ready"`)
		// Scores of the Layout Instability API; up to 0.1 is good.
		shifts := eval[[]string](b, `new Promise((resolve) => new PerformanceObserver((list) => resolve(list.getEntries().map((e) => e.value.toFixed(3) + " " + e.sources.map((s) => (s.node?.id || s.node?.nodeName) + " " + s.previousRect.y + " to " + s.currentRect.y).join(", ")))).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => resolve([]), 500))`)
		for _, s := range shifts {
			if !strings.HasPrefix(s, "0.00") && !strings.HasPrefix(s, "0.01") {
				t.Errorf("at %d px something moves by %s", width, s)
			}
		}
	}
}
