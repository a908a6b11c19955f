package browsertest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"enciphergan"
)

// pool replaces the tab's engine by a pool of the given size, with the model loaded.
func (b *tab) pool(size int) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(async () => {
		const { Pool } = await import(new URL("pool.js", document.querySelector("script[src]").src).href);
		globalThis.engine?.dispose();
		globalThis.engine = new Pool(undefined, %d);
		await engine.call("loadModel", await modelParts());
		return true;
	})()`, size))
}

// One worker and several produce the same file for one nonce and recover the same picture.
func TestWorkersGiveTheSameBits(t *testing.T) {
	t.Parallel()
	b := worker(t, serveVectors(t))
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	file := encode(t, scene(633, 430))
	for _, exact := range []string{"on", "off"} {
		var made, back [][]byte
		for _, size := range []int{1, 3} {
			b.pool(size)
			sealed := ask(b, "encrypt", map[string]any{"file": file, "key": key.Text(), "nonce": bytes.Repeat([]byte{7}, 24), "exact": exact})["png"]
			made = append(made, sealed)
			back = append(back, ask(b, "decrypt", map[string]any{"file": sealed, "key": key.Text()})["png"])
			if workers := eval[int](b, `engine.workers`); (workers > 1) != (size > 1) {
				t.Fatalf("a pool of size %d has %d workers after its work", size, workers)
			}
		}
		if !bytes.Equal(made[0], made[1]) {
			t.Errorf("exact %s: the file depends on the number of workers", exact)
		}
		if !bytes.Equal(back[0], back[1]) {
			t.Errorf("exact %s: the recovered picture depends on the number of workers", exact)
		}
	}
}

// engine opens a tab in which globalThis.encipher is the engine as another page would load it.
func engine(t *testing.T, address, options string) *tab {
	t.Helper()
	b := openWithoutScripts(t, address)
	eval[bool](b, fmt.Sprintf(`(async () => {
		const { Encipher } = await import(new URL("encipher.js", document.querySelector("script[src]").src).href);
		globalThis.encipher = await Encipher.load(%s);
		globalThis.blobOf = (text) => new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]);
		// digest of the samples of a PNG.
		globalThis.digest = async (blob) => {
			const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
			const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
			canvas.drawImage(bitmap, 0, 0);
			const hash = await crypto.subtle.digest("SHA-256", canvas.getImageData(0, 0, bitmap.width, bitmap.height).data);
			return [...new Uint8Array(hash)].join();
		};
		return true;
	})()`, options))
	return b
}

// Many overlapping calls share the workers: every picture is restored, bad calls fail alone,
// and the progress of each call never falls and reaches 1 once.
func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	b := engine(t, serve(t), `{ workers: 3 }`)
	var pictures []string
	for n := range 8 {
		pictures = append(pictures, fmt.Sprintf("%q", base64.StdEncoding.EncodeToString(encode(t, scene(60+90*n, 340-40*n)))))
	}
	failures := eval[[]string](b, fmt.Sprintf(`(async () => {
		const key = (await encipher.newKey()).text, other = (await encipher.newKey()).text;
		const failures = [];
		const watched = async (name, work) => {
			let last = 0, ends = 0;
			const result = await work(({ fraction }) => {
				if (fraction < last) failures.push(name + ": progress falls from " + last + " to " + fraction);
				if ((last = fraction) === 1) ends++;
			});
			if (ends !== 1) failures.push(name + ": progress came to 1 " + ends + " times");
			return result;
		};
		const code = (promise) => promise.then(() => "none", (error) => error.code);
		await Promise.all([%s].map(async (text, n) => {
			const picture = blobOf(text);
			const { png } = await watched("encrypt " + n, (onProgress) => encipher.encrypt(picture, { key, onProgress }));
			const [opened, wrong, inspected] = await Promise.all([
				watched("decrypt " + n, (onProgress) => encipher.decrypt(png, { key, onProgress })),
				code(encipher.decrypt(png, { key: other })),
				encipher.inspect(png),
			]);
			if (!opened.exact || (await digest(opened.png)) !== (await digest(picture))) failures.push(n + ": another picture came back");
			if (wrong !== "wrong-key") failures.push(n + ": a wrong key gives the code " + wrong);
			if (inspected.kind !== "cipher") failures.push(n + ": a cipher image is taken for a " + inspected.kind);
		}).concat([
			code(encipher.encrypt(new Blob(["no picture"]), { key })).then((c) => c === "bad-picture" || failures.push("no picture: " + c)),
			code(encipher.encrypt("a text", { key })).then((c) => c === "bad-argument" || failures.push("a text: " + c)),
			code(encipher.encrypt(new Blob([]))).then((c) => c === "bad-argument" || failures.push("no key: " + c)),
		]));
		return failures;
	})()`, strings.Join(pictures, ",")))
	for _, f := range failures {
		t.Error(f)
	}
}

// Cancelling one of several calls rejects it at once and does not affect the others. Its
// workers are free afterwards. dispose cancels everything.
func TestCancelOneOfSeveral(t *testing.T) {
	t.Parallel()
	b := engine(t, serve(t), `{ workers: 2 }`)
	got := eval[string](b, fmt.Sprintf(`(async () => {
		const key = (await encipher.newKey()).text;
		const large = blobOf(%q), small = blobOf(%q);
		const controller = new AbortController();
		const onProgress = ({ stage, done }) => stage === "encrypt" && done === 1 && controller.abort();
		const code = (promise) => promise.then(() => "none", (error) => error.code);
		const codes = await Promise.all([
			code(encipher.encrypt(large, { key, onProgress, signal: controller.signal })),
			code(encipher.encrypt(small, { key })),
			code(encipher.encrypt(large, { key, signal: AbortSignal.abort() })),
			code(encipher.encrypt(small, { key })),
		]);
		codes.push(await code(encipher.encrypt(small, { key })));
		const pending = code(encipher.encrypt(large, { key }));
		encipher.dispose();
		codes.push(await pending, await code(encipher.encrypt(small, { key })));
		return codes.join();
	})()`, base64.StdEncoding.EncodeToString(encode(t, scene(1200, 900))), base64.StdEncoding.EncodeToString(encode(t, scene(80, 60)))))
	if want := "canceled,none,canceled,none,none,canceled,bad-argument"; got != want {
		t.Errorf("codes %s, want %s", got, want)
	}
}

// A worker that dies is replaced. Its tiles are computed by another worker, the pictures of a
// coordinator that had several are retried one by one, and a picture that was alone in it
// fails with a message.
func TestWorkerDies(t *testing.T) {
	t.Parallel()
	b := worker(t, serveVectors(t))
	b.expectTrouble("exit code: 2") // Go's loader says so in the console
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	eval[bool](b, fmt.Sprintf(`(() => {
		globalThis.crew = [];
		const Plain = Worker;
		globalThis.Worker = class extends Plain { constructor(...a) { super(...a); crew.push(this) } };
		// kill ends the wasm of a worker; the first worker is the coordinator.
		globalThis.kill = (n) => crew[n].postMessage({ id: -1, method: "exit", argument: {} });
		globalThis.large = bytesOf(%q);
		globalThis.small = bytesOf(%q);
		globalThis.key = %q;
		globalThis.outcome = (promise) => promise.then(() => "well", (error) => error.code + " " + error.message);
		// encrypting calls then when the first tile is done.
		globalThis.encrypting = (file, then = () => {}) => outcome(engine.call("encrypt", { file, key },
			{ onProgress: ({ stage, done }) => { if (stage === "encrypt" && done === 1) { then(); then = () => {} } } }));
		return true;
	})()`, base64.StdEncoding.EncodeToString(encode(t, scene(900, 600))), base64.StdEncoding.EncodeToString(encode(t, scene(40, 30))), key.Text()))
	for _, c := range []struct{ name, act, want string }{
		{"tile worker", `[await encrypting(large, () => kill(1))]`, "well"},
		{"coordinator with two pictures", `await Promise.all([encrypting(large, () => kill(0)), encrypting(large)])`, "well,well"},
		{"coordinator with one picture", `[await encrypting(large, () => kill(0))]`, "internal A worker ended unexpectedly."},
		{"worker of another call", `[await outcome(engine.call("exit", {}))]`, "internal A worker ended unexpectedly."},
	} {
		t.Run(c.name, func(t *testing.T) {
			eval[bool](b, `(crew.length = 0, true)`)
			b.pool(2)
			if got := eval[string](b, fmt.Sprintf(`(async () => (%s).join())()`, c.act)); got != c.want {
				t.Errorf("it ends %s, want %s", got, c.want)
			}
			if got := eval[string](b, `encrypting(small)`); got != "well" {
				t.Errorf("the next picture ends %s", got)
			}
		})
	}
}

// If no further worker can be loaded, for example offline, the running one computes alone.
func TestNoMoreWorkersCanBeLoaded(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(plain(t, ""))
	t.Cleanup(server.Close)
	b := worker(t, server.URL+"/")
	b.pool(3)
	// Chromium logs the files that it could not load.
	b.expectTrouble("Failed to load resource")
	server.Close()
	key, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	sealed := ask(b, "encrypt", map[string]any{"file": encode(t, scene(300, 200)), "key": key.Text()})["png"]
	if opened, err := native(t).Decrypt(t.Context(), sealed, key); err != nil || !opened.Exact {
		t.Errorf("what it made: %v", err)
	}
}

// Idle workers are terminated after a while, except one.
func TestIdleWorkersEnd(t *testing.T) {
	t.Parallel()
	b := engine(t, serve(t), `{ workers: 3 }`)
	picture := base64.StdEncoding.EncodeToString(encode(t, scene(700, 300)))
	got := eval[[]int](b, fmt.Sprintf(`(async () => {
		const { Pool } = await import(new URL("pool.js", document.querySelector("script[src]").src).href);
		const waits = [], timer = setTimeout;
		globalThis.setTimeout = (f, ms, ...rest) => (ms > 1000 ? waits.push(f) : timer(f, ms, ...rest));
		const pool = new Pool(undefined, 3);
		const part = async (name) => new Uint8Array(await (await fetch(new URL(encipher.models[0].folder + name, document.baseURI))).arrayBuffer());
		await pool.call("loadModel", { card: await part("card.json"), encryption: await part("encryption.onnx"), decryption: await part("decryption.onnx") });
		const key = (await encipher.newKey()).text;
		await pool.call("encrypt", { file: blobOf(%q), key });
		const during = pool.workers;
		for (const f of waits.splice(0)) f();
		const after = pool.workers;
		await pool.call("encrypt", { file: blobOf(%q), key });
		globalThis.setTimeout = timer;
		return [during, after, pool.workers];
	})()`, picture, picture))
	if got[0] < 3 || got[1] != 1 || got[2] < 2 {
		t.Errorf("%d workers while working, %d after the wait, %d while working again", got[0], got[1], got[2])
	}
}

// The memory of the workers does not grow with the number of pictures.
func TestMemoryStays(t *testing.T) {
	t.Parallel()
	b := engine(t, serve(t), `{ workers: 2 }`)
	got := eval[[]int](b, fmt.Sprintf(`(async () => {
		const key = (await encipher.newKey()).text;
		const picture = blobOf(%q);
		const seen = [];
		for (let n = 1; n <= 50; n++) {
			const { png } = await encipher.encrypt(picture, { key });
			if (n %% 5 === 0) await encipher.decrypt(png, { key });
			seen.push(encipher.memory);
		}
		return seen;
	})()`, base64.StdEncoding.EncodeToString(encode(t, scene(300, 200)))))
	t.Logf("MB after 5, 20, 35 and 50 pictures: %d, %d, %d, %d", got[4]>>20, got[19]>>20, got[34]>>20, got[49]>>20)
	if got[49] > got[4]+got[4]/10 {
		t.Errorf("%d MB after 50 pictures, %d MB after 5", got[49]>>20, got[4]>>20)
	}
}
