package browsertest

import (
	"bytes"
	"encoding/base64"
	"path/filepath"
	"testing"
)

// After an encryption the page shows what the decryption generator recovers without another
// run of it: no worker is asked to decrypt. The pictures of several are decrypted when they
// are shown.
func TestViewWithoutDecryption(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	key := newKey(t)
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	eval[bool](b, `(() => {
		globalThis.decryptions = 0;
		const post = Worker.prototype.postMessage;
		Worker.prototype.postMessage = function (message, ...rest) {
			if (message.method === "decrypt" || (message.method === "tile" && message.argument.decrypt)) decryptions++;
			return post.call(this, message, ...rest);
		};
		const blobs = {}; // the page's Content-Security-Policy forbids to fetch them
		const create = URL.createObjectURL;
		URL.createObjectURL = (blob) => {
			const url = create.call(URL, blob);
			blobs[url] = blob;
			return url;
		};
		globalThis.shown = async (kind) => {
			let s = "";
			for (const byte of new Uint8Array(await blobs[document.querySelector("#panel-" + kind + " img").src].arrayBuffer())) s += String.fromCharCode(byte);
			return btoa(s);
		};
		return true;
	})()`)
	shown := func(kind string) []byte {
		file, err := base64.StdEncoding.DecodeString(eval[string](b, `shown("`+kind+`")`))
		if err != nil {
			t.Fatal(err)
		}
		samples, _, _ := rgb(t, file)
		return samples
	}
	b.choose("file", absolute(t, filepath.Join("testdata", "photo.jpg")))
	b.settled()
	b.click("start")
	b.until(`document.querySelectorAll("#view svg.scatter").length === 4`)
	b.shows("plain", "bare", "cipher", "generated")
	if n := eval[int](b, `decryptions`); n != 0 {
		t.Errorf("%d decryptions ran after the encryption", n)
	}
	opened, err := native(t).Decrypt(t.Context(), b.saved("photo.jpg", "photo.cipher.png"), key)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string][]byte{"plain": opened.Picture.RGB, "bare": opened.NeuralCipher.RGB, "generated": opened.Generated.RGB} {
		if !bytes.Equal(shown(kind), want) {
			t.Errorf("%s: not the picture of the native program", kind)
		}
	}

	b.click("clear")
	b.choose("file", write(t, "one.png", encode(t, scene(70, 50))), write(t, "two.png", encode(t, scene(50, 70))))
	b.settled()
	b.click("start")
	b.finished()
	eval[bool](b, `(document.querySelector("#rows .row-view").click(), true)`)
	b.until(`document.querySelectorAll("#view svg.scatter").length === 4`)
	b.shows("plain", "bare", "cipher", "generated")
	if n := eval[int](b, `decryptions`); n == 0 {
		t.Error("no decryption ran for the picture of several: the test does not see them")
	}
}
