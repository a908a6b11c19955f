package browsertest

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/chromedp"

	"enciphergan"
	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

// chosen is a model that is not the first.
const chosen = "default-kappa1"

// release is the site as built now, or with a note in its style as another build has.
func release(t *testing.T, wasm, note string) *site.Site {
	t.Helper()
	s := site.New()
	addModels(t, s)
	other, err := models.Files(chosen)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddModel(chosen, other.Card, other.Encryption, other.Decryption); err != nil {
		t.Fatal(err)
	}
	page := fstest.MapFS{}
	err = fs.WalkDir(static.Files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := static.Files.ReadFile(name)
		page[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	style := page["style.css"]
	style.Data = append(style.Data, "/* "+note+" */\n"...)
	if err := s.AddPage(page, os.DirFS(wasm)); err != nil {
		t.Fatal(err)
	}
	return s
}

// releases serves one of several builds at one address.
func releases(t *testing.T, notes ...string) (server *httptest.Server, choose func(int)) {
	t.Helper()
	wasm := bundled(t, "")
	var all []*site.Site
	for _, note := range notes {
		all = append(all, release(t, wasm, note))
	}
	var current atomic.Pointer[site.Site]
	current.Store(all[0])
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { current.Load().ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	return server, func(i int) { current.Store(all[i]) }
}

// modules imports what the page has, of the page's own build.
func (b *tab) modules() {
	b.t.Helper()
	eval[bool](b, `(async () => {
		globalThis.build = new URL(".", document.querySelector("script[src]").src).href;
		globalThis.offline = (await import(build + "offline.js")).offline;
		globalThis.Encipher = (await import(build + "encipher.js")).Encipher;
		globalThis.blobOf = (text) => new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]);
		return true;
	})()`)
}

// works lets an engine of the page's build encrypt and decrypt.
func (b *tab) works(key encipher.Key, picture []byte, model string) {
	b.t.Helper()
	if !eval[bool](b, fmt.Sprintf(`(async () => {
		const encipher = await Encipher.load({ key: %q, model: %q, workers: 2 });
		const { png } = await encipher.encrypt(blobOf(%q));
		const { exact } = await encipher.decrypt(png);
		encipher.dispose();
		return exact;
	})()`, key.Text(), model, base64.StdEncoding.EncodeToString(picture))) {
		b.t.Error("the picture does not come back exactly")
	}
}

// reloaded waits for a condition of a page that is being replaced.
func (b *tab) reloaded(condition string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		// Between the pages there is none to ask.
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition)); err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain for %s\n%s", condition, b.state())
		}
	}
}

// fresh is another tab of the same browser, at the page.
func (b *tab) fresh(address string) *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	other := &tab{t: b.t, ctx: ctx, traffic: b.traffic, downloads: b.downloads}
	other.do(chromedp.Navigate(address))
	other.ready()
	other.modules()
	return other
}

// Once the page says that it works offline, it does: reloaded and in a fresh tab,
// with the server stopped, a model that was chosen meanwhile included.
func TestWithoutServer(t *testing.T) {
	server, _ := releases(t, "one")
	address := server.URL + "/"
	b := open(t, address)
	b.modules()
	if !eval[bool](b, `(async () => {
		const ready = new Promise((resolve) => offline.addEventListener("ready", resolve));
		const stored = await offline.start();
		await ready;
		return stored && offline.ready && (await offline.keep(`+fmt.Sprintf("%q", chosen)+`));
	})()`) {
		t.Fatal("the page is not stored")
	}
	server.Close()
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	picture := encode(t, scene(300, 140))
	// The service worker looks in vain for another version of itself.
	b.expectTrouble("sw.js")
	b.do(chromedp.Reload())
	b.ready()
	b.modules()
	if !eval[bool](b, `offline.start()`) {
		t.Error("without the server the page does not know that it is stored")
	}
	b.works(key, picture, models.Default)
	other := b.fresh(address)
	other.works(key, picture, chosen)
}

// Another version is offered. Until it is accepted, and in other tabs after that,
// the page stays with its own, across reloads; accepting switches, and what the
// browser has stored for the page remains.
func TestUpdateIsOffered(t *testing.T) {
	server, choose := releases(t, "one", "two")
	address := server.URL + "/"
	b := open(t, address)
	b.modules()
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	picture := encode(t, scene(150, 140))
	if !eval[bool](b, `offline.start()`) {
		t.Fatal("the page is not stored")
	}
	first := eval[string](b, `build`)
	eval[bool](b, `(localStorage.setItem("kept", "yes"), true)`)

	choose(1)
	eval[bool](b, `(async () => {
		const offered = new Promise((resolve) => offline.addEventListener("update", resolve));
		await (await navigator.serviceWorker.getRegistration()).update();
		await offered;
		return true;
	})()`)
	b.do(chromedp.Reload())
	b.ready()
	b.modules()
	if got := eval[string](b, `build`); got != first {
		t.Fatalf("the version changed without consent: %s, then %s", first, got)
	}
	b.works(key, picture, models.Default)
	other := b.fresh(address)
	if got := eval[string](other, `build`); got != first {
		t.Errorf("a fresh tab has the version %s, not yet accepted", got)
	}
	eval[bool](other, `offline.start()`)

	eval[bool](b, `(async () => {
		const offered = new Promise((resolve) => offline.addEventListener("update", resolve));
		await offline.start();
		await offered;
		setTimeout(() => offline.accept()); // reloads, which would end this evaluation
		return true;
	})()`)
	b.reloaded(fmt.Sprintf(`new URL(".", document.querySelector("script[src]").src).href !== %q`, first))
	b.ready()
	b.modules()
	if !eval[bool](b, `offline.start()`) {
		t.Error("the accepted version is not stored")
	}
	if eval[string](b, `localStorage.getItem("kept")`) != "yes" {
		t.Error("what the page had stored is lost")
	}
	b.works(key, picture, models.Default)
	// The server has nothing of the version that the other tab still has.
	other.works(key, picture, models.Default)
	stored := `(async () => (await caches.keys()).filter((name) => name.includes(" shell ")).length)()`
	if n := eval[int](b, stored); n != 2 {
		t.Errorf("%d versions are stored while tabs have two", n)
	}
	other.do(chromedp.Reload())
	other.ready()
	other.modules()
	if got := eval[string](other, `build`); got == first {
		t.Error("the other tab keeps the old version although it was reloaded")
	}
	eval[bool](other, `offline.start()`)
	eval[bool](b, `(async () => {
		while ((await `+stored+`) !== 1) await new Promise((resolve) => setTimeout(resolve, 100));
		return true;
	})()`)
}
