package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"enciphergan/static"
)

// The worker computes with SIMD, which this Chromium has.
func TestPageUsesVectors(t *testing.T) {
	t.Parallel()
	b := worker(t, serve(t))
	if got := eval[string](b, `engine.kernels`); got != "WebAssembly relaxed SIMD" {
		t.Errorf("the worker computes with %q", got)
	}
}

// In a browser without SIMD the page works and shows a warning.
func TestPageWithoutVectors(t *testing.T) {
	t.Parallel()
	script, err := static.Files.ReadFile("kernels.js")
	if err != nil {
		t.Fatal(err)
	}
	s := plain(t, "")
	refuse := false
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.HandleFunc("/kernels.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		if refuse {
			fmt.Fprintln(w, "WebAssembly.validate = () => false;")
		}
		w.Write(script)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, refuse = range []bool{false, true} {
		b := open(t, server.URL+"/")
		b.until(`document.getElementById("engine").dataset.state === "ready"`)
		if shown := eval[bool](b, `!document.getElementById("slow-warning").hidden`); shown != refuse {
			t.Errorf("vectors are refused: %t, the page says so: %t", refuse, shown)
		}
	}
}

// The tests of package kernel pass in the browser: with relaxed SIMD, with SIMD where the
// browser refuses the relaxed build, and in plain Go where it refuses both. Plain Go is
// the same in all three, so it is tested once.
func TestKernelsInBrowser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(dir, "kernel.wasm"), "./internal/kernel")
	build.Dir = root(t)
	build.Env = append(build.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the tests: %v\n%s", err, out)
	}
	s := plain(t, "")
	if err := s.AddFolder(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for _, c := range []struct {
		name, prepare, skip, has, lacks string
	}{
		{"with relaxed vectors", ``, "/^plain_Go$", "WebAssembly_relaxed_SIMD", "WebAssembly_SIMD128"},
		{"with vectors", `WebAssembly.validate = (module) => !new TextDecoder("latin1").decode(module).includes("fused") && validate.call(WebAssembly, module)`,
			"/^plain_Go$", "WebAssembly_SIMD128", "WebAssembly_relaxed_SIMD"},
		{"without", `WebAssembly.validate = () => false`, "", "plain_Go", "WebAssembly_"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, server.URL+"/")
			out := eval[string](b, fmt.Sprintf(`(async () => {
				const validate = WebAssembly.validate;
				%s;
				try {
					await import(new URL("wasm_exec.js", document.baseURI).href);
					const { kernelBridge } = await import(new URL("kernels.js", document.querySelector("script[src]").src).href);
					let out = "";
					const decoder = new TextDecoder();
					globalThis.fs.writeSync = (_, bytes) => {
						out += decoder.decode(bytes, { stream: true });
						return bytes.length;
					};
					const module = await WebAssembly.compileStreaming(fetch("kernel.wasm"));
					const kernel = kernelBridge(module);
					const go = new Go();
					go.argv = ["kernel.test", "-test.v", "-test.run=^Test", "-test.skip=" + %q]; // fuzz tests need a file system
					go.exit = (code) => (out += "exit " + code);
					const instance = await WebAssembly.instantiate(module, { ...go.importObject, kernel: kernel.imports });
					kernel.attach(instance);
					await go.run(instance);
					// A pending timer would call into the program, which has ended.
					for (const timer of go._scheduledTimeouts.values()) clearTimeout(timer);
					return out;
				} finally {
					WebAssembly.validate = validate;
				}
			})()`, c.prepare, c.skip))
			if !strings.HasSuffix(out, "exit 0") {
				t.Fatalf("the tests end with:\n%s", out[max(0, len(out)-4000):])
			}
			for _, name := range []string{"TestCanonicalBits", "TestConv2DEqualsNaive", "TestConv2DIsAConvolution", "TestGemmEqualsNaive"} {
				if !regexp.MustCompile(`--- PASS: ` + name + `/` + c.has + `\b`).MatchString(out) {
					t.Errorf("%s did not run with %s", name, c.has)
				}
			}
			if c.lacks != "" && strings.Contains(out, c.lacks) {
				t.Errorf("%s ran although the browser lacks it", c.lacks)
			}
		})
	}
}
