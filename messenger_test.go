package encipher

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/image/draw"

	"enciphergan/internal/carrier"
	"enciphergan/internal/container"
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
)

// encodePNG and encodeJPEG return a picture file.
func encodePNG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decodeImage(t testing.TB, file []byte) image.Image {
	m, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// recompressed returns a JPEG of a file as a service makes it, in colour.
func recompressed(t testing.TB, file []byte, quality int) []byte {
	m := decodeImage(t, file)
	c := image.NewRGBA(m.Bounds())
	draw.Copy(c, image.Point{}, m, m.Bounds(), draw.Src, nil)
	return encodeJPEG(t, c, quality)
}

func forMessengers(t testing.TB, file []byte, to Recipient, m Messenger) *MessengerImage {
	t.Helper()
	s, err := EncryptForMessenger(t.Context(), file, to, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMessenger sends a picture with every kind of key through the compression that its preset is made for.
func TestMessenger(t *testing.T) {
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	passphrase := newPassphrase(t, "a phrase for tests")
	k := newKey(t)
	recipients, err := ParseRecipients(classic.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	identities, err := ParseIdentities(classic.String())
	if err != nil {
		t.Fatal(err)
	}
	quantum, err := ParseRecipients(hybrid.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	quantumIdentities, err := ParseIdentities(hybrid.String())
	if err != nil {
		t.Fatal(err)
	}
	file := photo(t, 450, 600, 1)
	stranger := newKey(t)
	for _, test := range []struct {
		name    string
		to      Recipient
		id      Identity
		strong  bool
		quality int
		psnr    float64
	}{
		{"key", k, k, false, 75, 34},
		{"strong key", k, k, true, 60, 29},
		{"passphrase", passphrase, passphrase, false, 75, 34},
		{"recipient", recipients, identities, false, 85, 34},
		{"hybrid recipient", quantum, quantumIdentities, true, 60, 29},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := forMessengers(t, file, test.to, Messenger{Side: 400, Strong: test.strong})
			if s.Width != 400 || s.Height != 300 || s.WholeFile || s.Picture.Width != 400 || s.Picture.Height != 300 {
				t.Fatalf("%d x %d, %d x %d, whole %v", s.Width, s.Height, s.Picture.Width, s.Picture.Height, s.WholeFile)
			}
			if !slices.Contains(s.Picture.Notes, "the picture was reduced from 600 x 450 to 400 x 300 pixels") {
				t.Errorf("notes %q", s.Picture.Notes)
			}
			c, err := ReadCopy(t.Context(), recompressed(t, s.File, test.quality))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Decrypt(t.Context(), stranger); CodeOf(err) != WrongKey {
				t.Errorf("another key: %v", err)
			}
			unlocked, err := c.Unlock(t.Context(), stranger, test.id)
			if err != nil || !c.IsFor(unlocked) || c.IsFor(stranger) {
				t.Fatal(err)
			}
			o, err := c.Decrypt(t.Context(), unlocked)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(o.Picture.RGB, s.Picture.RGB) || !o.Sealed || o.Exact || o.Promised || o.File != nil {
				t.Errorf("another picture came back: sealed %v, exact %v, promised %v", o.Sealed, o.Exact, o.Promised)
			}
			p, err := picture.Decode(o.PNG, limits)
			if err != nil || !bytes.Equal(p.RGB, o.Picture.RGB) {
				t.Errorf("the PNG is not of the picture: %v", err)
			}
			original, err := picture.Decode(file, limits)
			if err != nil {
				t.Fatal(err)
			}
			small, err := original.Reduced(t.Context(), 300, 400)
			if err != nil {
				t.Fatal(err)
			}
			if psnr := metric.PSNR(small.RGB, o.Picture.RGB); psnr != s.PSNR || psnr < test.psnr {
				t.Errorf("%.2f dB, and %.2f dB were promised", psnr, s.PSNR)
			}
		})
	}
}

// TestMessengerWholeFile checks that a file that fits travels as it is, with a safe name, unless metadata are to be dropped.
func TestMessengerWholeFile(t *testing.T) {
	k := newKey(t)
	file := encodeJPEG(t, decodeImage(t, photo(t, 600, 800, 1)), 30)
	s := forMessengers(t, file, k, Messenger{Side: 480, Name: "holiday/a:b.png"})
	if !s.WholeFile || !math.IsInf(s.PSNR, 1) || s.Width != 480 || len(s.Picture.Notes) != 1 {
		t.Fatalf("%d bytes: whole %v, %d pixels, %q", len(file), s.WholeFile, s.Width, s.Picture.Notes)
	}
	o, err := DecryptCopy(t.Context(), recompressed(t, s.File, 75), k)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(o.File, file) || o.Name != "a_b.jpg" || !o.Exact || !o.Promised || o.Picture.Width != 800 {
		t.Errorf("%d bytes as %q, exact %v", len(o.File), o.Name, o.Exact)
	}
	s = forMessengers(t, file, k, Messenger{Side: 480, DropMetadata: true})
	if s.WholeFile || s.Picture.Width != 480 {
		t.Error("the file travels although its metadata are to be dropped")
	}
}

// TestMessengerPictures sends pictures of all kinds and shapes.
func TestMessengerPictures(t *testing.T) {
	k := newKey(t)
	r := rand.New(rand.NewPCG(3, 4))
	deep := image.NewNRGBA64(image.Rect(0, 0, 300, 200))
	for i := range deep.Pix {
		deep.Pix[i] = byte(r.Uint32())
	}
	gray := image.NewGray(image.Rect(0, 0, 300, 260))
	for i := range gray.Pix {
		gray.Pix[i] = byte(i/300 + r.IntN(30))
	}
	panorama := image.NewRGBA(image.Rect(0, 0, 3000, 150))
	for i := range panorama.Pix {
		panorama.Pix[i] = byte(i/400 + r.IntN(60))
		if i%4 == 3 {
			panorama.Pix[i] = 255
		}
	}
	noise := image.NewRGBA(image.Rect(0, 0, 250, 200))
	for i := range noise.Pix {
		noise.Pix[i] = byte(r.Uint32()) | byte(i%4/3*255)
	}
	inks, err := os.ReadFile("internal/picture/testdata/cmyk.jpg")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name               string
		file               []byte
		carrier, picture   image.Point
		gray               bool
		drop               bool
		notes              string
		minimum            float64
		side               int
		strong, png, whole bool
	}{
		{name: "16 bits with alpha", file: encodePNG(t, deep), carrier: image.Pt(300, 200), picture: image.Pt(300, 200), notes: "transparent parts were blended with white; 16-bit", minimum: 8},
		{name: "gray", file: encodePNG(t, gray), carrier: image.Pt(300, 260), picture: image.Pt(300, 260), gray: true, minimum: 30},
		{name: "panorama", file: encodePNG(t, panorama), carrier: image.Pt(1600, 192), picture: image.Pt(1600, 80), notes: "reduced from 3000 x 150 to 1600 x 80", minimum: 28},
		{name: "noise", file: encodePNG(t, noise), carrier: image.Pt(250, 200), picture: image.Pt(250, 200), minimum: 8, png: true, strong: true},
		{name: "pixel", file: photo(t, 1, 1, 1), carrier: image.Pt(192, 192), picture: image.Pt(1, 1), whole: true, minimum: 99, notes: "as it is, byte for byte"},
		{name: "pixel without metadata", file: photo(t, 1, 1, 1), carrier: image.Pt(192, 192), picture: image.Pt(1, 1), drop: true, minimum: 50},
		{name: "tall", file: photo(t, 900, 2, 1), carrier: image.Pt(192, 300), picture: image.Pt(1, 300), drop: true, minimum: 50, side: 300, notes: "reduced"},
		{name: "colours of printing", file: inks, carrier: image.Pt(192, 192), picture: image.Pt(50, 34), drop: true, minimum: 50, notes: "cyan, magenta, yellow and black"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := forMessengers(t, test.file, k, Messenger{Side: test.side, Strong: test.strong, PNG: test.png, DropMetadata: test.drop})
			if got := image.Pt(s.Width, s.Height); got != test.carrier {
				t.Errorf("the cipher image has %v pixels, want %v", got, test.carrier)
			}
			kind := map[bool]string{false: ".jpg", true: ".png"}[test.png]
			if c, _, err := image.DecodeConfig(bytes.NewReader(s.File)); err != nil || c.Width != s.Width || c.Height != s.Height || c.ColorModel != color.GrayModel || picture.Extensions(s.File)[0] != kind {
				t.Errorf("the file: %v, %v", c, err)
			}
			if notes := strings.Join(s.Picture.Notes, "; "); !strings.Contains(notes, test.notes) || test.notes == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, test.notes)
			}
			o, err := DecryptCopy(t.Context(), recompressed(t, s.File, 78), k)
			if err != nil {
				t.Fatal(err)
			}
			if got := image.Pt(o.Picture.Width, o.Picture.Height); got != test.picture || o.Picture.Gray != test.gray || s.WholeFile != test.whole || (o.File != nil) != test.whole {
				t.Errorf("%v pixels, gray %v, whole %v", got, o.Picture.Gray, s.WholeFile)
			}
			if !bytes.Equal(o.Picture.RGB, s.Picture.RGB) || s.PSNR < test.minimum {
				t.Errorf("another picture, or %.1f dB", s.PSNR)
			}
		})
	}
}

// TestMessengerEstimate compares estimates with what is made.
func TestMessengerEstimate(t *testing.T) {
	k := newKey(t)
	for _, size := range [][2]int{{500, 600}, {600, 250}} {
		file, m := photo(t, size[0], size[1], 1), Messenger{Side: 400}
		c, err := m.Estimate(file[:100])
		if err != nil || c.Height != size[0] || c.Width != size[1] || c.MemoryBytes < 24<<20 || c.MemoryBytes > 60<<20 {
			t.Fatalf("%+v, %v", c, err)
		}
		if s := forMessengers(t, file, k, m); math.Abs(float64(c.FileBytes)/float64(len(s.File))-1) > .1 {
			t.Errorf("%d bytes, and %d were estimated", len(s.File), c.FileBytes)
		}
	}
	if _, err := (Messenger{}).Estimate([]byte("text")); CodeOf(err) != BadPicture {
		t.Error(err)
	}
}

// TestMessengerVector decrypts a stored copy, and checks what is sealed with a fixed nonce. ENCIPHER_UPDATE=1 writes the copy again.
func TestMessengerVector(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var v struct{ Key, Nonce, Digest string }
	if err := json.Unmarshal(read("messenger.json"), &v); err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(v.Key)
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := hex.DecodeString(v.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	s, err := EncryptForMessenger(t.Context(), photo(t, 300, 400, 7), k, Messenger{Side: 256, DropMetadata: true}, WithFixedNonce([24]byte(nonce)))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("ENCIPHER_UPDATE") != "" {
		if err := os.WriteFile("testdata/messenger.jpg", recompressed(t, s.File, 80), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o, err := DecryptCopy(t.Context(), read("messenger.jpg"), k)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", o.Picture.Digest()); got != v.Digest {
		t.Errorf("the stored copy has another picture, of digest %s", got)
	}
	if got := fmt.Sprintf("%x", s.Picture.Digest()); got != v.Digest {
		t.Errorf("another picture is sealed, of digest %s", got)
	}
}

// TestMessengerMetadata checks that a short colour profile travels with a coded picture, and other metadata do not.
func TestMessengerMetadata(t *testing.T) {
	k := newKey(t)
	p, err := picture.Decode(photo(t, 300, 300, 1), limits)
	if err != nil {
		t.Fatal(err)
	}
	profile := make([]byte, 500)
	binary.BigEndian.PutUint32(profile, 500)
	copy(profile[16:], "RGB ")
	copy(profile[36:], "acsp")
	p.ICC, p.EXIF = profile, []byte("II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	file, err := p.PNG()
	if err != nil {
		t.Fatal(err)
	}
	s := forMessengers(t, file, k, Messenger{})
	if s.Picture.EXIF != nil || !bytes.Equal(s.Picture.ICC, profile) || !slices.Equal(s.Picture.Notes, []string{"the metadata, such as place and camera, were dropped"}) {
		t.Errorf("EXIF %q, profile of %d bytes, notes %q", s.Picture.EXIF, len(s.Picture.ICC), s.Picture.Notes)
	}
	o, err := DecryptCopy(t.Context(), s.File, k)
	if err != nil || !bytes.Equal(o.Picture.ICC, profile) || o.Picture.EXIF != nil {
		t.Errorf("%d bytes of profile, %v", len(o.Picture.ICC), err)
	}
	s = forMessengers(t, file, k, Messenger{DropMetadata: true})
	if s.Picture.ICC != nil || !slices.Equal(s.Picture.Notes, []string{"the metadata and the colour profile were dropped"}) {
		t.Errorf("profile of %d bytes, notes %q", len(s.Picture.ICC), s.Picture.Notes)
	}
}

// TestMessengerRecipients checks that a small cipher image becomes larger for a long key slot, up to its side.
func TestMessengerRecipients(t *testing.T) {
	var b strings.Builder
	for range 12 {
		i, err := age.GenerateHybridIdentity()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, i.Recipient())
	}
	to, err := ParseRecipients(b.String())
	if err != nil {
		t.Fatal(err)
	}
	file := photo(t, 200, 300, 1)
	s := forMessengers(t, file, to, Messenger{DropMetadata: true})
	if s.Width <= 300 || s.Width > 600 || s.Picture.Width != 300 {
		t.Errorf("%d x %d pixels", s.Width, s.Height)
	}
	if c, err := ReadCopy(t.Context(), recompressed(t, s.File, 75)); err != nil || c.Slot.Kind != SlotRecipients {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := EncryptForMessenger(t.Context(), file, to, Messenger{Side: 192, DropMetadata: true}); CodeOf(err) != TooLarge {
		t.Errorf("192 pixels: %v", err)
	}
}

// TestMessengerAnswers checks that whatever does not open has its own answer, and never a picture.
func TestMessengerAnswers(t *testing.T) {
	k, ctx := newKey(t), t.Context()
	s := forMessengers(t, photo(t, 400, 500, 1), k, Messenger{Strong: true})
	m := decodeImage(t, s.File).(*image.Gray)
	scaled := func(width, height int) image.Image {
		q := image.NewGray(image.Rect(0, 0, width, height))
		draw.CatmullRom.Scale(q, q.Rect, m, m.Rect, draw.Src, nil)
		return q
	}
	blurred := image.NewGray(m.Rect)
	draw.CatmullRom.Scale(blurred, blurred.Rect, scaled(300, 240), image.Rect(0, 0, 300, 240), draw.Src, nil)
	painted := image.NewGray(m.Rect)
	draw.Copy(painted, image.Point{}, m, image.Rect(0, 0, 500, 320), draw.Src, nil)
	sealed, err := fakeModel().Encrypt(ctx, photo(t, 250, 300, 1), k)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := carrier.Demodulate(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	carrying := func(change func(b []byte) []byte) []byte {
		c, err := carrier.Modulate(ctx, change(bytes.Clone(payload)), m.Rect.Dx(), m.Rect.Dy(), carrier.Strong)
		if err != nil {
			t.Fatal(err)
		}
		return encodeJPEG(t, c, 95)
	}
	at := func(i int, v byte) func(b []byte) []byte {
		return func(b []byte) []byte { b[i] ^= v; return b }
	}
	photos := encodeJPEG(t, decodeImage(t, photo(t, 400, 500, 2)), 90)
	for name, c := range map[string]struct {
		file       []byte
		code, want string
	}{
		"smaller":                  {encodeJPEG(t, scaled(250, 200), 90), AlteredCopy, "the copy has 250 x 200 of 500 x 400 pixels"},
		"larger":                   {encodeJPEG(t, scaled(750, 600), 90), AlteredCopy, "the copy has 750 x 600 of 500 x 400 pixels"},
		"cropped":                  {encodePNG(t, m.SubImage(image.Rect(50, 50, 450, 390))), AlteredCopy, "the copy is cropped: it has 400 x 340 of 500 x 400 pixels"},
		"blurred":                  {encodeJPEG(t, blurred, 90), AlteredCopy, "lost its fine detail"},
		"compressed too hard":      {recompressed(t, s.File, 15), DamagedCopy, "damaged beyond repair"},
		"painted over":             {encodePNG(t, painted), DamagedCopy, "damaged beyond repair"},
		"cut":                      {s.File[:len(s.File)*2/3], BadPicture, "the picture is damaged"},
		"ordinary photo":           {photos, NotCipher, "an ordinary picture"},
		"noise":                    {encodeJPEG(t, decodeImage(t, sealed.PNG), 90), NotCipher, "a picture of noise"},
		"noise as PNG":             {encodePNG(t, decodeImage(t, sealed.PNG)), NotCipher, "a PNG without the chunk enCR"},
		"cut PNG":                  {photo(t, 40, 50, 1)[:500], NotCipher, "a PNG that was cut short"},
		"far too small":            {encodeJPEG(t, scaled(60, 48), 90), NotCipher, "a picture of noise"},
		"text":                     {[]byte("text"), NotCipher, "not a cipher image"},
		"huge":                     {declare(20_000), NotCipher, "a PNG that was cut short"},
		"of another program":       {carrying(at(0, 1)), NotCipher, "carries something else"},
		"later version":            {carrying(at(9, 3)), UnsupportedVersion, "it has version 2"},
		"later flags":              {carrying(at(10, 1)), UnsupportedVersion, "flags"},
		"later slot":               {carrying(at(11, 9)), UnsupportedVersion, "key slot of kind 9"},
		"slot of a passphrase":     {carrying(at(11, 1)), Changed, "its header declares"},
		"another nonce":            {carrying(at(12, 1)), WrongKey, "not the key"},
		"another commitment":       {carrying(at(36, 1)), WrongKey, "not the key"},
		"changed ciphertext":       {carrying(at(100, 1)), Changed, "authentication tag"},
		"changed tag":              {carrying(at(len(payload)-1, 1)), Changed, "authentication tag"},
		"short header":             {carrying(func(b []byte) []byte { return b[:40] }), Changed, "cut short"},
		"no tag":                   {carrying(func(b []byte) []byte { return b[:75] }), Changed, "cut short"},
		"shorter":                  {carrying(func(b []byte) []byte { return b[:len(b)-1] }), Changed, "authentication tag"},
		"nothing":                  {carrying(func(b []byte) []byte { return nil }), NotCipher, "carries something else"},
		"header of a cipher image": {carrying(func(b []byte) []byte { return append([]byte("ENCIPHER"), b[8:]...) }), NotCipher, "carries something else"},
	} {
		o, err := DecryptCopy(ctx, c.file, k)
		if CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) || o != nil {
			t.Errorf("%s: %v (%s), want %q (%s)", name, err, CodeOf(err), c.want, c.code)
		}
		if e := (*Error)(nil); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: no hint", name)
		}
		if name == "huge" || name == "cut" {
			continue
		}
		if again, err2 := fakeModel().Decrypt(ctx, c.file, k); fmt.Sprint(err2) != fmt.Sprint(err) || again != nil {
			t.Errorf("%s: Model.Decrypt: %v", name, err2)
		}
	}
	if err := explain(&carrier.VersionError{Version: 2}); CodeOf(err) != UnsupportedVersion {
		t.Error(err)
	}
	if o, err := fakeModel().Decrypt(ctx, recompressed(t, s.File, 60), k); err != nil || !bytes.Equal(o.Picture.RGB, s.Picture.RGB) {
		t.Errorf("Model.Decrypt: %v", err)
	}
	for _, side := range []int{-1, 1, 191, 4097} {
		if _, err := EncryptForMessenger(ctx, photos, k, Messenger{Side: side}); CodeOf(err) != TooLarge {
			t.Errorf("side %d: %v", side, err)
		}
	}
	if _, err := EncryptForMessenger(ctx, []byte("text"), k, Messenger{}); CodeOf(err) != BadPicture {
		t.Error(err)
	}
	if _, err := EncryptForMessenger(ctx, photos, nil, Messenger{}); CodeOf(err) != BadKey {
		t.Error(err)
	}
}

// TestMessengerSealer checks what someone with the key, or for a recipient anybody, may seal.
func TestMessengerSealer(t *testing.T) {
	k, ctx := newKey(t), t.Context()
	file := photo(t, 20, 24, 1)
	const width, height = 300, 200
	sealing := func(r record.Record, b []byte) []byte {
		h := container.Header{}
		room := carrier.Capacity(width, height, carrier.Default) - container.PayloadOverhead(h.Slot)
		if b == nil {
			var err error
			if b, err = r.Fill(room); err != nil {
				t.Fatal(err)
			}
		}
		payload, err := container.SealPayload(h, k.Subkeys(h.Nonce), b)
		if err != nil {
			t.Fatal(err)
		}
		c, err := carrier.Modulate(ctx, payload, width, height, carrier.Default)
		if err != nil {
			t.Fatal(err)
		}
		return encodePNG(t, c)
	}
	size := func(w, h int) []byte { return sizeOf(&Picture{Width: w, Height: h}) }
	for name, c := range map[string]struct {
		r    record.Record
		b    []byte
		code string
	}{
		"a program":                  {record.Record{record.Size: size(24, 20), record.File: []byte("MZ and more")}, nil, NotExact},
		"a damaged picture":          {record.Record{record.Size: size(24, 20), record.File: file[:len(file)/2]}, nil, NotExact},
		"a file of another size":     {record.Record{record.Size: size(25, 20), record.File: file}, nil, NotExact},
		"a file of 400 megapixels":   {record.Record{record.Size: size(20_000, 20_000), record.File: declare(20_000)}, nil, NotExact},
		"a code of many pixels":      {record.Record{record.Size: size(1<<20, 1<<20), record.Code: {1, 0, 0}}, nil, UnsupportedVersion},
		"a code of most pixels":      {record.Record{record.Size: size(math.MaxUint32, math.MaxUint32), record.Code: {1, 0, 0}}, nil, UnsupportedVersion},
		"a code of no pixels":        {record.Record{record.Size: size(0, 0), record.Code: {1, 0, 0}}, nil, UnsupportedVersion},
		"a code of a line too long":  {record.Record{record.Size: size(1<<17, 1), record.Code: {1, 0, 0}}, nil, UnsupportedVersion},
		"a code of a later codec":    {record.Record{record.Size: size(30, 20), record.Code: {2, 0, 0}}, nil, UnsupportedVersion},
		"an empty code":              {record.Record{record.Size: size(30, 20), record.Code: {}}, nil, UnsupportedVersion},
		"a record of a cipher image": {nil, record.Record{record.Digest: make([]byte, 32), record.Residual: nil}.Encode(), UnsupportedVersion},
		"nothing":                    {nil, []byte{}, UnsupportedVersion},
	} {
		if o, err := DecryptCopy(ctx, sealing(c.r, c.b), k); CodeOf(err) != c.code || o != nil {
			t.Errorf("%s: %v (%s), want %s", name, err, CodeOf(err), c.code)
		}
	}
	for sealed, want := range map[string]string{"photo.exe": "photo.exe.png", "photo\u202egnp.exe": "photognp.exe.png", "photo.jpg": "photo.png", "\u202e": ""} {
		o, err := DecryptCopy(ctx, sealing(record.Record{record.Size: size(24, 20), record.File: file, record.Name: []byte(sealed)}, nil), k)
		if err != nil || o.Name != want || !bytes.Equal(o.File, file) {
			t.Errorf("%q: %v", sealed, err)
		}
	}
}

// TestMessengerProgress checks the stages, and that each can be cancelled.
func TestMessengerProgress(t *testing.T) {
	k, file := newKey(t), photo(t, 500, 600, 1)
	s := forMessengers(t, file, k, Messenger{Side: 400})
	for _, run := range []struct {
		stages []string
		run    func(ctx context.Context, p Option) error
	}{
		{[]string{"decode", "encrypt", "seal"}, func(ctx context.Context, p Option) error {
			_, err := EncryptForMessenger(ctx, file, k, Messenger{Side: 400}, p)
			return err
		}},
		{[]string{"open", "decrypt", "encode"}, func(ctx context.Context, p Option) error {
			_, err := DecryptCopy(ctx, s.File, k, p)
			return err
		}},
	} {
		var stages []string
		last, all := -1, 0
		err := run.run(t.Context(), WithProgress(func(stage string, done, total int) {
			if len(stages) == 0 || stages[len(stages)-1] != stage {
				if all != last+1 && len(stages) > 0 {
					t.Errorf("%s ends at %d of %d", stages[len(stages)-1], last, all-1)
				}
				stages, last = append(stages, stage), -1
				if done != 0 {
					t.Errorf("%s begins at %d", stage, done)
				}
			}
			if done <= last {
				t.Errorf("%s goes from %d to %d", stage, last, done)
			}
			last, all = done, total+1
		}))
		if err != nil || !slices.Equal(stages, run.stages) || last != all-1 {
			t.Errorf("%q, %d of %d, %v", stages, last, all-1, err)
		}
		for _, stage := range run.stages[:len(run.stages)-1] {
			for _, at := range []int{0, 1} {
				ctx, cancel := context.WithCancel(t.Context())
				err := run.run(ctx, WithProgress(func(name string, done, total int) {
					if name == stage && done >= at {
						cancel()
					}
				}))
				if CodeOf(err) != Canceled {
					t.Errorf("%s, cancelled at %d: %v", stage, at, err)
				}
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadCopy(ctx, s.File); CodeOf(err) != Canceled {
		t.Error(err)
	}
}

// FuzzCopy opens payloads that were changed, of a carrier that is not.
func FuzzCopy(f *testing.F) {
	k, err := ParseKey("ENCIPHER-KEY-1QYPQXPQ9QCRSSZG2PVXQ6RS0ZQG3YYC5Z5TPWXQERGD3C8G7RUSQVDWT8Y")
	if err != nil {
		k = newKey(f)
	}
	h := container.Header{}
	for _, r := range []record.Record{
		{record.Size: {0, 0, 0, 9, 0, 0, 0, 7}, record.Code: {1, 0x60, 0, 1, 2, 3, 4, 5, 6, 7}},
		{record.Size: {0, 0, 0, 1, 0, 0, 0, 1}, record.File: photo(f, 1, 1, 1), record.Name: []byte("a.png")},
	} {
		b, err := r.Fill(400)
		if err != nil {
			f.Fatal(err)
		}
		payload, err := container.SealPayload(h, k.Subkeys(h.Nonce), b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload, true)
		f.Add(b, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if !sealed { // of someone with the key
			var err error
			if b, err = container.SealPayload(h, k.Subkeys(h.Nonce), b); err != nil {
				t.Fatal(err)
			}
		}
		p, err := container.ParsePayload(b)
		if err != nil {
			if !errors.Is(err, container.ErrNotCipher) && !errors.Is(err, container.ErrVersion) && !errors.Is(err, container.ErrChanged) {
				t.Errorf("error of no class: %v", err)
			}
			return
		}
		c := &Copy{192, 192, p.Header.Slot, p}
		if o, err := c.Decrypt(t.Context(), k); CodeOf(err) == Internal || err == nil && (o.Picture == nil || o.PNG == nil) {
			t.Errorf("%v", err)
		}
	})
}
