package browsertest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"enciphergan"
	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

// chosen is the name of a model that is not the first.
const chosen = "default-kappa1"

// release returns the site as built, with a note in its style sheet that makes it another
// build.
func release(t *testing.T, wasm, note string) *site.Site {
	t.Helper()
	s := site.New()
	s.UseForms(os.DirFS(filepath.Join(wasm, "forms")))
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

// releases serves several builds at one address, one at a time.
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

// stored waits until the page says that it works offline.
func (b *tab) stored() {
	b.t.Helper()
	b.ready()
	b.until(`document.getElementById("offline").dataset.state === "ready" && document.getElementById("offline").checkVisibility()`)
}

// build is an expression for the folder of a tab's scripts, which names its build.
const build = `new URL(".", document.querySelector("script[src]").src).href`

// works encrypts a picture in the page and decrypts the result.
func (b *tab) works(key encipher.Key) {
	b.t.Helper()
	picture := encode(b.t, scene(300, 140))
	b.choose("key-file", write(b.t, "the.key", []byte(key.Text())))
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, key.Fingerprint()))
	file := write(b.t, "scene.png", picture)
	for _, result := range []string{"scene.cipher.png", "scene.png"} {
		b.choose("file", file)
		b.settled()
		b.click("start")
		b.until(`document.querySelector(".row").dataset.state === "done"`)
		b.settled()
		content := b.saved(filepath.Base(file), result)
		if result == "scene.png" {
			want, _, _ := rgb(b.t, picture)
			if got, _, _ := rgb(b.t, content); !bytes.Equal(got, want) {
				b.t.Error("another picture comes back")
			}
		} else {
			file = write(b.t, result, content)
		}
		b.click("clear")
	}
}

// reloaded waits for a condition of a page that is being replaced.
func (b *tab) reloaded(condition string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		// Evaluating fails between the two pages.
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition)); err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain for %s\n%s", condition, b.state())
		}
	}
}

// fresh opens another tab in the same browser context.
func (b *tab) fresh(address string) *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	other := &tab{t: b.t, ctx: ctx, traffic: b.traffic, downloads: b.downloads}
	other.do(chromedp.Navigate(address))
	other.stored()
	return other
}

// Once the page says that it works offline, it does: reloaded and in a new tab, with the
// server stopped, and with a model that was chosen meanwhile.
func TestWithoutServer(t *testing.T) {
	t.Parallel()
	server, _ := releases(t, "one")
	address := server.URL + "/"
	b := openStored(t, address)
	b.stored()
	choose := fmt.Sprintf(`(() => { %s; return true })()`, selecting(chosen))
	uses := fmt.Sprintf(`document.getElementById("engine-text").textContent.endsWith(%q) && !document.getElementById("start").disabled`, " "+chosen)
	eval[bool](b, choose)
	b.until(uses)
	b.stored()
	server.Close()
	key := newKey(t)
	// The service worker cannot check for an update.
	b.expectTrouble("sw.js")
	b.do(chromedp.Reload())
	b.stored()
	b.works(key)
	other := b.fresh(address)
	eval[bool](other, choose)
	other.until(uses)
	other.stored()
	other.works(key)
}

// An update is offered. Until it is accepted, the page keeps its version across reloads, and
// other tabs keep theirs after that. Accepting is refused while something would be lost. Then
// it switches the version and keeps what the browser has stored for the page.
func TestUpdateIsOffered(t *testing.T) {
	t.Parallel()
	server, choose := releases(t, "one", "two")
	address := server.URL + "/"
	b := openStored(t, address)
	b.stored()
	key := newKey(t)
	first := eval[string](b, build)
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.until(`!document.getElementById("remembering").hidden`)
	eval[bool](b, `(document.getElementById("remember").click(), true)`)
	b.until(`!document.getElementById("forget").hidden`)

	choose(1)
	offered := `document.getElementById("update").checkVisibility()`
	if eval[bool](b, offered) {
		t.Fatal("a version is offered that nobody has stored")
	}
	// An open page does this once an hour.
	eval[bool](b, `navigator.serviceWorker.getRegistration().then((r) => r.update()).then(() => true)`)
	b.until(offered)
	b.click("update-later")
	b.until(`!(` + offered + `)`)
	b.do(chromedp.Reload())
	b.stored()
	b.until(offered) // again, since it waits
	if got := eval[string](b, build); got != first {
		t.Fatalf("the version changed without consent: %s, then %s", first, got)
	}
	b.works(key)
	other := b.fresh(address)
	if got := eval[string](other, build); got != first {
		t.Errorf("a fresh tab has the version %s, not yet accepted", got)
	}

	b.choose("file", write(t, "scene.png", encode(t, scene(70, 50))))
	b.settled()
	b.click("start")
	b.until(`document.querySelector(".row").dataset.state === "done"`)
	b.settled()
	b.click("update-accept")
	b.until(`document.getElementById("update-unsaved").checkVisibility()`)
	b.saved("scene.png", "scene.cipher.png")
	b.click("update-accept")
	b.reloaded(build + fmt.Sprintf(` !== %q`, first))
	b.stored()
	if eval[bool](b, offered) {
		t.Error("the accepted version is offered once more")
	}
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, key.Fingerprint()))
	b.works(key)
	// The server no longer has the version of the other tab.
	other.works(key)
	stored := `(async () => (await caches.keys()).filter((name) => name.includes(" shell ")).length)()`
	if n := eval[int](b, stored); n != 2 {
		t.Errorf("%d versions are stored while tabs have two", n)
	}
	other.do(chromedp.Reload())
	other.stored()
	if got := eval[string](other, build); got == first {
		t.Error("the other tab keeps the old version although it was reloaded")
	}
	eval[bool](b, `(async () => {
		while ((await `+stored+`) !== 1) await new Promise((resolve) => setTimeout(resolve, 100));
		return true;
	})()`)
}

// An update that nobody has accepted replaces the version before when its last page is closed,
// as docs/security.md warns, and can read what the browser has stored for the page.
func TestUpdateTakesOver(t *testing.T) {
	t.Parallel()
	server, choose := releases(t, "one", "two")
	address := server.URL + "/"
	b := openStored(t, address)
	b.stored()
	key := newKey(t)
	first := eval[string](b, build)
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.until(`!document.getElementById("remembering").hidden`)
	eval[bool](b, `(document.getElementById("remember").click(), true)`)
	b.until(`!document.getElementById("forget").hidden`)
	choose(1)
	eval[bool](b, `navigator.serviceWorker.getRegistration().then((r) => r.update()).then(() => true)`)
	b.until(`document.getElementById("update").checkVisibility()`)
	b.do(chromedp.Navigate("about:blank"))
	for deadline := time.Now().Add(patience); ; { // the browser takes its time to see that no page is left
		b.do(chromedp.Navigate(address))
		b.stored()
		if eval[string](b, build) != first {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new version does not take over")
		}
		b.do(chromedp.Navigate("about:blank"), chromedp.Sleep(time.Second))
	}
	b.until(fmt.Sprintf(`document.getElementById("fingerprint").textContent === %q`, key.Fingerprint()))
}

// As docs/server.md says of a shared origin: a script of any other page there can read the
// remembered key and change the page.
func TestOriginIsTheBoundary(t *testing.T) {
	t.Parallel()
	address := serve(t, "-base-path", "/encipher/")
	b := openStored(t, address)
	b.stored()
	key := newKey(t)
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.until(`!document.getElementById("remembering").hidden`)
	eval[bool](b, `(document.getElementById("remember").click(), true)`)
	b.until(`!document.getElementById("forget").hidden`)

	b.expectTrouble("404") // any other page will do
	b.do(chromedp.Navigate(strings.TrimSuffix(address, "encipher/") + "other"))
	got := eval[string](b, `(async () => {
		const of = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
		const database = await of(indexedDB.open("encipher"));
		const { wrapping, iv, sealed } = await of(database.transaction("keys").objectStore("keys").get("key"));
		for (const name of await caches.keys()) {
			const shell = await caches.open(name);
			for (const request of await shell.keys()) {
				if (request.url.endsWith("/encipher/")) await shell.put(request, new Response("<title>another page</title>", { headers: { "Content-Type": "text/html" } }));
			}
		}
		return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, wrapping, sealed));
	})()`)
	if got != key.Text() {
		t.Error("another page of the origin cannot read the remembered key: docs/security.md, docs/server.md and the page say that it can")
	}
	b.do(chromedp.Navigate(address))
	if title := eval[string](b, `document.title`); title != "another page" {
		t.Errorf("another page of the origin cannot replace what is stored, as docs/server.md says; the page is %q", title)
	}
}

// Files and shortcuts that the system starts the installed page with are opened.
func TestLaunched(t *testing.T) {
	t.Parallel()
	b := visit(t, serve(t)+"#key")
	b.until(`document.activeElement.id === "new-key"`)
	b.ready()
	eval[bool](b, `(location.hash = "#choose", true)`)
	b.until(`document.activeElement.id === "choose"`)

	key := newKey(t)
	cipher, err := native(t).Encrypt(t.Context(), encode(t, scene(70, 50)), key)
	if err != nil {
		t.Fatal(err)
	}
	// Only an installed page has a launch queue, so the test defines one.
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(`
		Object.defineProperty(globalThis, "launchQueue", { value: { setConsumer(consumer) {
			const file = new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], "opened.png");
			consumer({ targetURL: location.href, files: [{ getFile: async () => file }] });
		} } });
	`, base64.StdEncoding.EncodeToString(cipher.PNG))})
	b.do(chromedp.Reload())
	b.ready()
	b.until(`document.querySelector(".row-name")?.textContent === "opened.png" && document.querySelector(".row-state").textContent === "Ready to decrypt"`)
}
