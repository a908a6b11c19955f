package browsertest

import (
	"encoding/base64"
	"fmt"
	"testing"

	"filippo.io/age"

	"enciphergan"
	"enciphergan/models"
)

// What the browser encrypts for a passphrase or for recipients the native program decrypts,
// and the other way round; a wrong secret fails with its code.
func TestBrowserSecrets(t *testing.T) {
	t.Parallel()
	m := native(t)
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	const phrase = "Grüße aus Köln"
	p, err := encipher.NewPassphrase(phrase)
	if err != nil {
		t.Fatal(err)
	}
	r, err := encipher.ParseRecipients(identity.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	i, err := encipher.ParseIdentities(identity.String())
	if err != nil {
		t.Fatal(err)
	}
	picture := encode(t, scene(40, 30))
	b := worker(t, serve(t))
	for _, c := range []struct {
		name, lock, unlock, needs string
		to                        encipher.Recipient
		id                        encipher.Identity
	}{
		{"passphrase", fmt.Sprintf("passphrase: %q", phrase), fmt.Sprintf("passphrase: %q", phrase), "passphrase", p, p},
		{"recipients", fmt.Sprintf("recipients: %q", identity.Recipient()), fmt.Sprintf("identity: %q", identity), "identity", r, i},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := eval[[]string](b, fmt.Sprintf(`(async () => {
				const { key, slot } = await engine.call("wrapKey", { %s });
				const files = [];
				for (let n = 0; n < 2; n++) files.push((await engine.call("encrypt", { file: bytesOf(%q), key, slot: slot.slice() })).png);
				return Promise.all(files.map(textOf));
			})()`, c.lock, base64.StdEncoding.EncodeToString(picture)))
			for _, text := range made {
				file, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				if o, err := m.Decrypt(t.Context(), file, c.id); err != nil || !o.Exact {
					t.Fatalf("the browser's file: %v", err)
				}
			}

			s, err := m.Encrypt(t.Context(), picture, c.to)
			if err != nil {
				t.Fatal(err)
			}
			got := eval[string](b, fmt.Sprintf(`(async () => {
				const file = bytesOf(%q);
				const { kind, needs, bare } = await engine.call("inspect", { file });
				const codeOf = (promise) => promise.then(() => "none", (error) => error.code);
				const none = await codeOf(engine.call("unwrapKey", { file }));
				const wrong = await codeOf(engine.call("unwrapKey", { file, passphrase: "another", key: (await engine.call("newKey", {})).text }));
				const { key } = await engine.call("unwrapKey", { file, %s });
				const { exact, sealed } = await engine.call("decrypt", { file, key });
				return [kind, needs, bare, none, wrong, exact, sealed].join(" ");
			})()`, base64.StdEncoding.EncodeToString(s.PNG), c.unlock))
			if want := "cipher " + c.needs + " false wrong-key wrong-key true true"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}

	t.Run("sealed model", func(t *testing.T) {
		files, err := models.Files(models.Default)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := encipher.SealModel(files, p)
		if err != nil {
			t.Fatal(err)
		}
		got := eval[string](b, fmt.Sprintf(`(async () => {
			const sealed = bytesOf(%q);
			const wrong = await engine.call("loadModel", { sealed, passphrase: "another" }).then(() => "none", (error) => error.code);
			return wrong + " " + (await engine.call("loadModel", { sealed, passphrase: %q })).fingerprint;
		})()`, base64.StdEncoding.EncodeToString(sealed), phrase))
		if want := "wrong-key " + m.Fingerprint(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})

	t.Run("bare cipher", func(t *testing.T) {
		k, err := encipher.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Encrypt(t.Context(), picture, k, encipher.WithContent(encipher.ContentBareCipher))
		if err != nil {
			t.Fatal(err)
		}
		got := eval[string](b, fmt.Sprintf(`(async () => {
			const file = bytesOf(%q), key = %q;
			const { bare } = await engine.call("inspect", { file });
			const refused = await engine.call("decrypt", { file, key }).then(() => "none", (error) => error.code);
			const { sealed, exact } = await engine.call("decrypt", { file, key, bareCipher: true });
			return [bare, refused, sealed, exact].join(" ");
		})()`, base64.StdEncoding.EncodeToString(s.PNG), k.Text()))
		if want := "true not-sealed false false"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})

	t.Run("costs and plots", func(t *testing.T) {
		got := eval[string](b, fmt.Sprintf(`(async () => {
			const file = bytesOf(%q);
			const { kind, fileBytes, memoryBytes } = await engine.call("inspect", { file });
			const { histograms, pairs } = await engine.call("metrics", { a: file, plots: true });
			const sum = (list) => list.reduce((a, b) => a + b, 0);
			return [kind, fileBytes > 3 * 40 * 30, memoryBytes > 1e6, sum(histograms.r), histograms.b.length, pairs.length].join(" ");
		})()`, base64.StdEncoding.EncodeToString(picture)))
		if want := "picture true true 1200 256 4000"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
