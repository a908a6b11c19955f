//go:build js && wasm

// Command wasm is Encipher for the browser. It defines globalThis.encipher:
//
//	kernels                                          string, e.g. "WebAssembly relaxed SIMD" or "plain Go"
//	maxFileBytes                                     number: larger files are refused
//	loadModel({card, encryption, decryption, share?} | {sealed, passphrase?, identity?, share?})
//	                                                 {name, fingerprint, profile: "paper" | "paper+stats" | "reversible", note},
//	                                                 and with share the three files, for other instances
//	newKey()                                         {text, file, fingerprint}
//	parseKey({text})                                 {fingerprint}
//	generatePassphrase()                             {passphrase}
//	unsealKeyFile({file, passphrase?, identity?})    {text}
//	wrapKey({passphrase} | {recipients})             {key, slot}
//	unwrapKey({file, key?, passphrase?, identity?})  {key, fingerprint}
//	inspect({file})                                  {kind: "picture", width, height, fileBytes?, memoryBytes?} |
//	                                                 {kind: "cipher", width, height, model?, needs?: "key" | "passphrase" | "identity", bare?}
//	encrypt({file, key, slot?, exact?: "on" | "off" | "file", name?, dropMetadata?, views?, tiles?, onProgress?, signal?})
//	                                                 {png, name, width, height, notes, plain?, bare?, generated?}
//	decrypt({file, key, name?, approximate?, bareCipher?, views?, tiles?, onProgress?, signal?})
//	                                                 {png, name, width, height, exact, sealed, fault?, original?, bare?, generated?}
//	encryptForMessenger({file, key, slot?, side?, strong?, name?, dropMetadata?, views?, onProgress?, signal?})
//	                                                 {jpeg, name, width, height, notes, wholeFile, psnr, received?}
//	tile(job)                                        {samples, statistics, recovered}
//	metrics({a, b?, plots?})                         {entropy, correlation, psnr?, ssim?, histograms?: {r, g, b}, pairs?}
//
// wrapKey returns a key for a passphrase or for recipients, and the key slot to pass to encrypt;
// one call serves any number of pictures. unwrapKey returns the key of one file. inspect reads
// headers only; it estimates costs once a model is loaded. views adds pictures to the result, as PNG
// files without compression: the original, the neural cipher, the output of the decryption generator,
// which encrypt does not run with exact "off". plots adds data for
// histograms and a scatter plot: counts of 256 levels, and bytes (x, y, x, y, …) of neighbours.
// decrypt and unwrapKey take copies of cipher images for messengers too, of any kind of picture file.
// width, height and psnr of encryptForMessenger are those of the picture that the other side sees,
// received with views. bareCipher accepts a bare cipher image, which is not sealed. The argument name is the name of
// file, with or without folders. The name in the result is the one to save original under, or else
// png: in the same folders, and safe on every system.
//
// Files are Uint8Arrays, key is the text of a key or key file, onProgress is called as
// (stage, done, total), and signal is an AbortSignal. Entropy is in bits a sample, 0 to 8;
// correlation is the mean absolute coefficient of neighbouring samples, 0 to 1; PSNR, in dB, and
// SSIM compare a with b. exact reports whether every sample is proven to be the original. Where the
// proof fails, decrypt rejects with the code not-exact; with approximate, it resolves, and fault is
// the reason.
//
// With tiles, encrypt and decrypt do not compute tiles: they call it with a job for each, up to
// tilesAtOnce ahead, and it returns a promise of the result of the method tile of another instance
// with the same model.
//
// Every method returns a promise, which rejects with an Error that has a stable
// code, a message and a hint, which may be empty. The codes are those of the root
// package, and bad-argument for a call with the wrong types.
//
// A method runs on its own goroutine, reads its argument with type and size checks,
// calls the root package and returns a plain object. The program must run in a
// dedicated worker, because the computation blocks its thread.
package main

import (
	"fmt"
	"maps"
	"os"
	"runtime/debug"

	"github.com/hack-pad/safejs"

	"enciphergan"
	"enciphergan/internal/kernel"
)

// gcPercent is lower than the default of 100, because the memory of a wasm never
// shrinks and a page runs several: collecting earlier costs little time.
const gcPercent = 25

func main() {
	debug.SetGCPercent(gcPercent)
	if err := install(); err != nil {
		fmt.Fprintln(os.Stderr, "encipher: defining the JS API:", err)
		os.Exit(1)
	}
	select {} // the methods need the program to keep running
}

func install() error {
	class, err := safejs.Global().Get("Object")
	if err != nil {
		return err
	}
	api, err := class.New()
	if err != nil {
		return err
	}
	for name, value := range map[string]any{"kernels": kernel.Name(), "maxFileBytes": encipher.MaxFileBytes} {
		if err := api.Set(name, value); err != nil {
			return err
		}
	}
	var s service
	methods := map[string]method{
		"loadModel": s.loadModel,
		"newKey":    s.newKey,
		"parseKey":  s.parseKey,
		"wrapKey":   s.wrapKey,
		"unwrapKey": s.unwrapKey,
		"inspect":   s.inspect,
		"encrypt":   s.encrypt,
		"decrypt":   s.decrypt,
		"metrics":   s.metrics,
		"tile":      s.tile,

		"generatePassphrase": s.generatePassphrase,
		"unsealKeyFile":      s.unsealKeyFile,

		"encryptForMessenger": s.encryptForMessenger,
	}
	maps.Copy(methods, vectorMethods())
	for name, run := range methods {
		f, err := promiseFunc(run)
		if err != nil {
			return err
		}
		if err := api.Set(name, f); err != nil {
			return err
		}
	}
	if _, err := class.Call("freeze", api); err != nil {
		return err
	}
	return safejs.Global().Set("encipher", api)
}
