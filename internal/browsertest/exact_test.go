package browsertest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"enciphergan"
	pictures "enciphergan/internal/picture"
	"enciphergan/internal/picture/picturetest"
)

// Every awkward picture and every eighth picture of the evaluation set is restored with its digest:
// encrypted natively and decrypted in Chromium, and the other way round. With ENCIPHER_EXACT=all,
// as `make exact` sets it, every picture of the evaluation set is.
func TestExactThereAndHere(t *testing.T) {
	t.Parallel()
	m := native(t)
	k, err := encipher.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	limits := pictures.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels}
	digest := func(file []byte) [32]byte {
		t.Helper()
		p, err := pictures.Decode(file, limits)
		if err != nil {
			t.Fatal(err)
		}
		return p.Digest()
	}
	// Metadata next to the samples.
	beside := func(file []byte) string {
		t.Helper()
		p, err := pictures.Decode(file, limits)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("EXIF %x, profile %x, chunks %x", p.EXIF, p.ICC, p.Chunks)
	}
	files := picturetest.Awkward(t, "../picture/testdata")
	evaluation := picturetest.Evaluation(t, "../..")
	if evaluation == nil {
		t.Log("without the shared evaluation set: awkward pictures alone")
	}
	for i, name := range slices.Sorted(maps.Keys(evaluation)) {
		if i%8 == 0 || os.Getenv("ENCIPHER_EXACT") == "all" {
			files[name] = evaluation[name]
		}
	}
	b := worker(t, serve(t))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := files[name]
		want := digest(file)
		sealed, err := m.Encrypt(t.Context(), file, k)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if back := ask(b, "decrypt", map[string]any{"file": sealed.PNG, "key": k.Text()}); digest(back["png"]) != want || beside(back["png"]) != beside(file) {
			t.Errorf("%s: encrypted natively, it comes back otherwise in the browser", name)
		}
		here := ask(b, "encrypt", map[string]any{"file": file, "key": k.Text()})
		if o, err := m.Decrypt(t.Context(), here["png"], k); err != nil || !o.Exact || o.Picture.Digest() != want || digest(o.PNG) != want || beside(o.PNG) != beside(file) {
			t.Errorf("%s: encrypted in the browser: %v", name, err)
		}
	}
	t.Logf("%d pictures", len(files))

	// The kept file, with its name.
	const name = "cmyk.jpg"
	if len(files[name]) == 0 {
		t.Fatalf("%s is not among the awkward pictures", name)
	}
	here := eval[string](b, fmt.Sprintf(`(async () => {
		const file = bytesOf(%q), key = %q;
		const sealed = await engine.call("encrypt", { file, key, exact: "file", name: "a/" + %q });
		const { original, name } = await engine.call("decrypt", { file: sealed.png, key, name: "b/renamed.png" });
		return [sealed.name, name, await textOf(original)].join(" ");
	})()`, base64.StdEncoding.EncodeToString(files[name]), k.Text(), name))
	if want := "a/cmyk.cipher.png b/" + name + " " + base64.StdEncoding.EncodeToString(files[name]); here != want {
		t.Error("the original file comes back otherwise in the browser")
	}
}
