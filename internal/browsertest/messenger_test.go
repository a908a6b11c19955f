package browsertest

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"strings"
	"testing"

	"golang.org/x/image/draw"

	"enciphergan"
	"enciphergan/internal/metric"
)

// recompressed is what a messenger makes of a picture file: a JPEG of the given quality, and,
// where side is not 0, of that width.
func recompressed(t *testing.T, file []byte, quality, side int) []byte {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if side != 0 {
		small := image.NewRGBA(image.Rect(0, 0, side, side*m.Bounds().Dy()/m.Bounds().Dx()))
		draw.CatmullRom.Scale(small, small.Rect, m, m.Bounds(), draw.Src, nil)
		m = small
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A picture goes through a messenger: the page encrypts it, shows what the other side will see,
// and decrypts the copy that comes back, without a switch.
func TestMessenger(t *testing.T) {
	t.Parallel()
	b := open(t, serve(t))
	key := newKey(t)
	b.choose("key-file", write(t, "the.key", []byte(key.Text())))
	b.until(`document.getElementById("fingerprint").textContent !== ""`)
	photo := encode(t, scene(1000, 750))
	b.choose("file", write(t, "photo.png", photo))
	b.settled()
	choose := func(purpose, side string, strong bool) {
		eval[bool](b, `(() => {
			for (const [id, value] of [["purpose", "`+purpose+`"], ["side", "`+side+`"]]) {
				document.getElementById(id).value = value;
				document.getElementById(id).dispatchEvent(new Event("change"));
			}
			return true;
		})()`)
		if strong {
			eval[bool](b, `(document.getElementById("strong").checked = true)`)
		}
	}
	choose("messenger", "800", false)
	if !eval[bool](b, `document.getElementById("exact-field").hidden && !document.getElementById("messenger-options").hidden`) {
		t.Error("the options are not those of a messenger")
	}
	b.click("start")
	b.until(`document.querySelector(".row")?.dataset.state === "done"`)
	b.until(`document.querySelectorAll("#view svg.scatter").length === 3`)
	b.shows("plain", "cipher", "received")
	for panel, figures := range map[string][]string{"received": {"800 × 600", "PSNR", " dB"}, "cipher": {"File size", "kB"}} {
		words := eval[string](b, `document.getElementById("panel-`+panel+`").innerText`)
		for _, figure := range figures {
			if !strings.Contains(words, figure) {
				t.Errorf("%s is shown without %q: %q", panel, figure, words)
			}
		}
	}
	if words := b.rows()["photo.png"].Words; !strings.Contains(words, "800 × 600") || !strings.Contains(words, "as a photo") {
		t.Errorf("the row says %q", words)
	}
	sent := b.saved("photo.png", "photo.cipher.jpg")

	// Each copy has its own answer.
	b.click("clear")
	b.choose("file", write(t, "IMG-0001.jpg", recompressed(t, sent, 80, 0)), write(t, "small.jpg", recompressed(t, sent, 90, 500)),
		write(t, "hard.jpg", recompressed(t, sent, 30, 0)), write(t, "ordinary.jpg", read(t, "testdata/photo.jpg")))
	b.settled()
	choose("file", "1600", false)
	b.click("start")
	b.finished()
	rows := b.rows()
	for name, want := range map[string]string{"IMG-0001.jpg": "Restored approximately", "small.jpg": "This copy was scaled, cropped or filtered", "hard.jpg": "This copy was compressed too hard"} {
		if words := rows[name].Words; !strings.Contains(words, want) {
			t.Errorf("%s: %q, want %q", name, words, want)
		}
	}
	b.done("IMG-0001.jpg", "ordinary.jpg")
	if kind := b.saved("ordinary.jpg", "ordinary.cipher.png"); len(kind) == 0 {
		t.Error("the ordinary photo was not encrypted")
	}
	back := b.saved("IMG-0001.jpg", "IMG-0001.png")
	received, height, width := rgb(t, back)
	if width != 800 || height != 600 {
		t.Fatalf("%d x %d pixels came back", width, height)
	}
	samples, fullHeight, fullWidth := rgb(t, photo)
	original := &encipher.Picture{Width: fullWidth, Height: fullHeight, RGB: samples}
	reduced, err := original.Reduced(t.Context(), height, width)
	if err != nil {
		t.Fatal(err)
	}
	if psnr := metric.PSNR(received, reduced.RGB); psnr < 30 || math.IsInf(psnr, 1) {
		t.Errorf("the picture came back with %.2f dB", psnr)
	}

	// Another key.
	b.click("clear")
	b.choose("key-file", write(t, "other.key", []byte(newKey(t).Text())))
	b.choose("file", write(t, "IMG-0001.jpg", recompressed(t, sent, 80, 0)))
	b.settled()
	b.click("start")
	b.finished()
	if row := b.rows()["IMG-0001.jpg"]; row.Code != "wrong-key" {
		t.Errorf("with another key: %+v", row)
	}
}
