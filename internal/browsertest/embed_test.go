package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"enciphergan"
)

// embedding serves the example of docs/embedding.md with the policy given there and additions
// to it, and Encipher under /encipher/.
func embedding(t *testing.T, more string) string {
	t.Helper()
	s := plain(t, "")
	needs := regexp.MustCompile(`(?m)^    (script-src .*)$`).FindSubmatch(read(t, "../../docs/embedding.md"))
	if needs == nil {
		t.Fatal("docs/embedding.md names no policy")
	}
	policy := "default-src 'none'; " + string(needs[1]) + more
	files := http.FileServer(http.Dir("../../docs/examples/embed"))
	mux := http.NewServeMux()
	mux.Handle("/encipher/", http.StripPrefix("/encipher", s))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		if r.URL.Path == "/favicon.ico" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		files.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// The example page encrypts under the policy given in docs/embedding.md, with and without
// Trusted Types.
func TestEmbedding(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"plain": "", "trusted types": "; require-trusted-types-for 'script'; trusted-types encipher"} {
		t.Run(name, func(t *testing.T) {
			b := visit(t, embedding(t, more))
			there := func(condition string) {
				t.Helper()
				eval[bool](b, fmt.Sprintf(`(async () => {
					while (!(%s)) {
						if (/^[a-z-]+: /.test(state.textContent)) throw new Error(state.textContent);
						await new Promise((resolve) => setTimeout(resolve, 50));
					}
					return true;
				})()`, condition))
			}
			there(`!picture.disabled`)
			b.choose("picture", write(t, "scene.png", encode(t, scene(300, 200))))
			there(`!result.hidden`)
			info, err := encipher.Inspect(b.save("#result", "cipher.png"))
			if err != nil {
				t.Fatal(err)
			}
			if info.Width != 300 || info.Height != 200 || info.Model != native(t).Fingerprint() {
				t.Errorf("the cipher image is of %d x %d pixels and of the model %s", info.Width, info.Height, info.Model)
			}
		})
	}
}

// The object that load returns is frozen and has exactly the declared members, and its errors
// have codes and the exported class.
func TestCapabilityObject(t *testing.T) {
	t.Parallel()
	b := visit(t, embedding(t, ""))
	_, class, ok := strings.Cut(string(read(t, "../../static/encipher.d.ts")), "export class Encipher {")
	if !ok {
		t.Fatal("the declarations have no class Encipher")
	}
	declared := []string{"constructor"}
	for _, m := range regexp.MustCompile(`(?m)^  (?:static |readonly )?(\w+)[(:]`).FindAllStringSubmatch(class, -1) {
		declared = append(declared, m[1])
	}
	slices.Sort(declared)
	got := eval[[]string](b, `(async () => {
		const { Encipher, EncipherError } = await import("./encipher/encipher.js");
		const encipher = await Encipher.load({ workers: 1 });
		const wrong = [];
		for (const object of [encipher, encipher.model, encipher.models, encipher.models[0], Encipher, Encipher.prototype]) {
			if (!Object.isFrozen(object)) wrong.push("not frozen: " + object);
		}
		const code = async (work) => {
			try {
				await work();
				return "none";
			} catch (error) {
				return error instanceof EncipherError && error instanceof Error && error.message ? error.code : "of another class: " + error;
			}
		};
		for (const [want, work] of [
			["bad-argument", () => new Encipher()],
			["bad-argument", () => Encipher.load({ workers: 0 })],
			["bad-argument", () => encipher.encrypt("text", {})],
			["bad-argument", () => encipher.encrypt(new Blob())],
			["bad-key", () => encipher.parseKey("no key")],
			["bad-picture", async () => encipher.encrypt(new Blob(["text"]), { key: (await encipher.newKey()).text })],
			["not-a-cipher", async () => encipher.decrypt(new Blob(["text"]), { key: (await encipher.newKey()).text })],
			["bad-model", () => encipher.useModel("nowhere")],
			["bad-model", () => Encipher.load({ model: { card: new Blob(), encryption: new Blob(), decryption: new Blob() } })],
			["canceled", () => Encipher.load({ signal: AbortSignal.abort() })],
			["internal", () => Encipher.load({ base: "/nowhere/", model: { card: new Blob(), encryption: new Blob(), decryption: new Blob() } })],
		]) {
			const got = await code(work);
			if (got !== want) wrong.push(work + " gives " + got + " in place of " + want);
		}
		if (wrong.length) throw new Error(wrong.join("; "));
		return [...Object.getOwnPropertyNames(Encipher.prototype), "load"].sort();
	})()`)
	if !slices.Equal(got, declared) {
		t.Errorf("the class has %v, declared are %v", got, declared)
	}
	b.expectTrouble("404")
}
