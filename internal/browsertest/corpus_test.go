package browsertest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	"enciphergan"
	"enciphergan/internal/corpus"
	pictures "enciphergan/internal/picture"
)

// TestCorpus opens the corpus of the format in the browser, with unwrapKey and decrypt.
func TestCorpus(t *testing.T) {
	t.Parallel()
	const folder = "../../testdata/corpus"
	l := corpus.Load(t, folder)
	type job struct {
		File                      []byte
		Key, Passphrase, Identity string
	}
	var jobs []job
	for _, c := range l.Cases {
		jobs = append(jobs, job{c.Read(t, folder), c.Key, c.Passphrase, c.Identity})
	}
	text, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	results := eval[[]struct {
		Code, Name    string
		PNG, Original []byte
		Exact         bool
	}](worker(t, serve(t)), fmt.Sprintf(`(async () => {
		const results = [];
		for (const { File, Key, Passphrase, Identity } of %s) {
			try {
				const secrets = Object.fromEntries(Object.entries({ key: Key, passphrase: Passphrase, identity: Identity }).filter(([, v]) => v));
				const { key } = await engine.call("unwrapKey", { file: bytesOf(File), ...secrets });
				const { png, exact, original, name } = await engine.call("decrypt", { file: bytesOf(File), key });
				results.push({ PNG: await textOf(png), Exact: exact, Original: original ? await textOf(original) : "", Name: original ? name : "" });
			} catch (error) {
				results.push({ Code: error.code });
			}
		}
		return results;
	})()`, text))
	if len(results) != len(l.Cases) {
		t.Fatalf("%d results for %d cases", len(results), len(l.Cases))
	}
	for i, c := range l.Cases {
		r := results[i]
		if r.Code != c.Error {
			t.Errorf("%s: %s: code %q, want %q", c.File, c.About, r.Code, c.Error)
		}
		if r.Code != "" || c.Error != "" {
			continue
		}
		p, err := pictures.Decode(r.PNG, pictures.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", p.Digest()); got != c.Digest || !r.Exact {
			t.Errorf("%s: %s: digest %s, want %s; exact %t", c.File, c.About, got, c.Digest, r.Exact)
		}
		original := ""
		if len(r.Original) > 0 {
			original = fmt.Sprintf("%x", sha256.Sum256(r.Original))
		}
		if original != c.Original || r.Name != c.Name {
			t.Errorf("%s: %s: the kept file is %s, named %q; want %s, %q", c.File, c.About, original, r.Name, c.Original, c.Name)
		}
	}
}
