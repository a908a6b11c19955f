package encipher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"filippo.io/age"

	"enciphergan/internal/container"
	"enciphergan/internal/corpus"
	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/pngchunk"
	"enciphergan/internal/record"
	"enciphergan/models"
)

const corpusFolder = "testdata/corpus"

// TestCorpus checks that each file of the corpus opens, or is refused with the error code of its case.
// With ENCIPHER_UPDATE=1 it writes the files first, for an intended change of the format.
func TestCorpus(t *testing.T) {
	files, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenModel(files)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("ENCIPHER_UPDATE") != "" {
		writeCorpus(t, m)
	}
	l := corpus.Load(t, corpusFolder)
	if l.Model != m.Fingerprint() {
		t.Fatalf("the corpus is of model %s", l.Model)
	}
	known := map[string]bool{"corpus.json": true}
	steps := map[int]int{}
	for _, c := range l.Cases {
		known[c.File] = true
		steps[c.Step]++
		t.Run(c.File, func(t *testing.T) {
			t.Parallel()
			o, err := openCase(t, m, c)
			if c.Step != 0 {
				if CodeOf(err) != c.Error {
					t.Errorf("%s: %v, of code %q; step %d refuses it as %q", c.About, err, CodeOf(err), c.Step, c.Error)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", c.About, err)
			}
			if got := fmt.Sprintf("%x", o.Picture.Digest()); got != c.Digest || !o.Exact {
				t.Errorf("%s: digest %s, want %s; exact %t", c.About, got, c.Digest, o.Exact)
			}
			original := ""
			if o.File != nil {
				original = fmt.Sprintf("%x", sha256.Sum256(o.File))
			}
			if original != c.Original || o.Name != c.Name {
				t.Errorf("%s: the kept file is %s, named %q; want %s, %q", c.About, original, o.Name, c.Original, c.Name)
			}
		})
	}
	for step := range 10 {
		if steps[step] == 0 {
			t.Errorf("no case for step %d", step)
		}
	}
	entries, err := os.ReadDir(corpusFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !known[e.Name()] {
			t.Errorf("%s is not in the list", e.Name())
		}
	}
}

func openCase(t *testing.T, m *Model, c corpus.Case) (*Opened, error) {
	file := c.Read(t, corpusFolder)
	var id Identity
	switch {
	case c.Key != "":
		k, err := ParseKey(c.Key)
		if err != nil {
			t.Fatal(err)
		}
		id = k
	case c.Passphrase != "":
		p, err := NewPassphrase(c.Passphrase)
		if err != nil {
			t.Fatal(err)
		}
		id = p
	default:
		i, err := ParseIdentities(c.Identity)
		if err != nil {
			t.Fatal(err)
		}
		id = i
	}
	return m.Decrypt(t.Context(), file, id)
}

// Secrets that open the files of the corpus.
const (
	corpusSecret     = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f"
	corpusPassphrase = "Fünf Wörter für das Korpus"
)

func secretOf(t *testing.T, text string) Key {
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return key.FromSecret([32]byte(b))
}

// wrapped is a Recipient with a fixed key and key slot.
type wrapped struct {
	key  Key
	slot Slot
}

func (w wrapped) Wrap(context.Context) (Key, Slot, error) { return w.key, w.slot, nil }

// corpusWriter writes the files of the corpus and collects the cases.
type corpusWriter struct {
	*testing.T
	model *Model
	list  corpus.List
	key   Key
	kept  map[string]keptCase
}

// keptCase is a case of the previous corpus, with its file.
type keptCase struct {
	corpus.Case
	file []byte
}

func writeCorpus(t *testing.T, m *Model) {
	// age uses random numbers, so files for recipients are written again unchanged, as long as
	// the corpus is of the same model.
	kept := map[string]keptCase{}
	if _, err := os.Stat(filepath.Join(corpusFolder, "corpus.json")); err == nil {
		if l := corpus.Load(t, corpusFolder); l.Model == m.Fingerprint() {
			for _, c := range l.Cases {
				kept[c.File] = keptCase{c, c.Read(t, corpusFolder)}
			}
		}
	}
	if err := os.RemoveAll(corpusFolder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(corpusFolder, 0o777); err != nil {
		t.Fatal(err)
	}
	w := &corpusWriter{T: t, model: m, kept: kept, key: secretOf(t, corpusSecret)}
	w.list.About = "Cipher images for readers of docs/format.md. Those with a digest open, with the given key, passphrase or age identity, and give the picture of that digest. " +
		"The others are refused by the numbered step of Reading, before any other; error is the code that this project's programs give. Written by TestCorpus."
	w.list.Model = m.Fingerprint()
	w.positive()
	w.negative()
	data, err := json.MarshalIndent(w.list, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(corpusFolder, "corpus.json"), append(data, '\n'), 0o666); err != nil {
		t.Fatal(err)
	}
}

func (w *corpusWriter) add(c corpus.Case, file []byte) {
	if c.Key == "" && c.Passphrase == "" && c.Identity == "" {
		c.Key = w.key.Text()
	}
	w.list.Cases = append(w.list.Cases, c)
	if err := os.WriteFile(filepath.Join(corpusFolder, c.File), file, 0o666); err != nil {
		w.Fatal(err)
	}
}

func (w *corpusWriter) encode(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		w.Fatal(err)
	}
	return b.Bytes()
}

// opens encrypts a picture and adds the file, which must open. It returns the file.
func (w *corpusWriter) opens(c corpus.Case, picture []byte, to Recipient, opts ...EncryptOption) []byte {
	nonce := sha256.Sum256([]byte(c.File))
	s, err := w.model.Encrypt(w.Context(), picture, to, append(opts, WithFixedNonce([24]byte(nonce[:24])))...)
	if err != nil {
		w.Fatal(err)
	}
	c.Digest = fmt.Sprintf("%x", s.Picture.Digest())
	w.add(c, s.PNG)
	return s.PNG
}

func (w *corpusWriter) positive() {
	r := rand.New(rand.NewPCG(1, 2))
	fill := func(pixels []byte) {
		for i := range pixels {
			pixels[i] = byte(r.Uint32())
		}
	}
	soft := func(width, height int) *image.NRGBA {
		r := rand.New(rand.NewPCG(uint64(width), uint64(height)))
		m := image.NewNRGBA(image.Rect(0, 0, width, height))
		for y := range height {
			for x := range width {
				m.SetNRGBA(x, y, color.NRGBA{uint8(x*3 + r.IntN(5)), uint8(y*5 + r.IntN(5)), uint8(x*y/9 + r.IntN(5)), 255})
			}
		}
		return m
	}
	opaque := image.NewNRGBA(image.Rect(0, 0, 20, 17))
	fill(opaque.Pix)
	for i := 3; i < len(opaque.Pix); i += 4 {
		opaque.Pix[i] = 255
	}
	gray, gray16 := image.NewGray(image.Rect(0, 0, 40, 24)), image.NewGray16(image.Rect(0, 0, 17, 30))
	alpha, deep := image.NewNRGBA(image.Rect(0, 0, 21, 18)), image.NewNRGBA64(image.Rect(0, 0, 16, 19))
	for _, pixels := range [][]byte{gray.Pix, gray16.Pix, alpha.Pix, deep.Pix} {
		fill(pixels)
	}
	w.opens(corpus.Case{File: "noise.png", About: "noise, 20 x 17, padded by reflection to 20 x 20"}, w.encode(opaque), w.key)
	plain := w.opens(corpus.Case{File: "soft.png", About: "a picture whose residual is mostly zeros"}, w.encode(soft(48, 32)), w.key)
	w.opens(corpus.Case{File: "one-pixel.png", About: "one pixel, padded to 16 x 16"}, w.encode(soft(1, 1)), w.key)
	w.opens(corpus.Case{File: "tiles.png", About: "two tiles, of 256 x 16 and 24 x 16"}, w.encode(soft(280, 16)), w.key)
	w.opens(corpus.Case{File: "tiles-uneven.png", About: "two tiles, of 16 x 256 and 16 x 264: what remains is below the least side"}, w.encode(soft(13, 520)), w.key)
	w.opens(corpus.Case{File: "gray.png", About: "gray"}, w.encode(gray), w.key)
	w.opens(corpus.Case{File: "gray16.png", About: "gray of 16 bits"}, w.encode(gray16), w.key)
	w.opens(corpus.Case{File: "alpha.png", About: "alpha"}, w.encode(alpha), w.key)
	w.opens(corpus.Case{File: "deep.png", About: "16 bits and alpha"}, w.encode(deep), w.key)

	// The same samples as another tool may write them: filtered, in several IDAT chunks, with its own chunks.
	shown, err := png.Decode(bytes.NewReader(plain))
	if err != nil {
		w.Fatal(err)
	}
	first := w.list.Cases[slices.IndexFunc(w.list.Cases, func(c corpus.Case) bool { return c.File == "soft.png" })]
	again := slices.Insert(chunksOf(w.encode(shown)), 1, chunksOf(plain)[1], chunk{"gAMA", []byte{0, 0, 0xb1, 0x8f}})
	idat := slices.IndexFunc(again, func(c chunk) bool { return c.name == "IDAT" })
	again = slices.Insert(again, idat+1, chunk{"IDAT", again[idat].data[100:]})
	again[idat].data = again[idat].data[:100]
	w.add(corpus.Case{File: "written-anew.png", About: "soft.png with other filters, compression and chunks", Digest: first.Digest}, join(again))

	w.add(corpus.Case{File: "behind-end.png", About: "soft.png with bytes behind IEND", Digest: first.Digest}, append(bytes.Clone(plain), "PK\x03\x04 and more"...))
	marked := slices.Insert(chunksOf(plain), 2, chunk{"PLTE", []byte{1, 2, 3}}, chunk{"tRNS", []byte{0, 9, 0, 9, 0, 9}})
	w.add(corpus.Case{File: "transparent.png", About: "soft.png with a palette and a transparent colour, which change no sample", Digest: first.Digest}, join(marked))
	w.add(corpus.Case{File: "interlaced.png", About: "soft.png, interlaced", Digest: first.Digest}, interlaced(plain, shown.(*image.RGBA)))

	// The other key slots.
	p, err := NewPassphrase(corpusPassphrase)
	if err != nil {
		w.Fatal(err)
	}
	slot := keyslot.Argon2id{Salt: [16]byte([]byte("salt of a corpus")), Passes: 3, Memory: 64 << 10, Lanes: 4}.Slot()
	k, err := p.Unwrap(w.Context(), slot)
	if err != nil {
		w.Fatal(err)
	}
	w.opens(corpus.Case{File: "passphrase.png", About: "sealed with a passphrase", Passphrase: corpusPassphrase}, w.encode(soft(16, 16)), wrapped{k, slot})
	// The same passphrase with decomposed letters, which normal form C makes equal.
	w.add(corpus.Case{File: "passphrase-decomposed.png", About: "the passphrase is given in normal form D", Passphrase: "Fu\u0308nf Wo\u0308rter fu\u0308r das Korpus",
		Digest: w.list.Cases[len(w.list.Cases)-1].Digest}, readFile(w.T, "passphrase.png"))
	w.forRecipients(corpus.Case{File: "recipient.png", About: "sealed for two X25519 recipients, of which the identity is the second"}, w.encode(soft(16, 16)), func() (string, string) {
		i, err := age.GenerateX25519Identity()
		if err != nil {
			w.Fatal(err)
		}
		return i.String(), i.Recipient().String()
	})
	w.forRecipients(corpus.Case{File: "recipient-hybrid.png", About: "sealed for two hybrid recipients, of which the identity is the second"}, w.encode(soft(16, 16)), func() (string, string) {
		i, err := age.GenerateHybridIdentity()
		if err != nil {
			w.Fatal(err)
		}
		return i.String(), i.Recipient().String()
	})

	// A kept file.
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, soft(33, 20), nil); err != nil {
		w.Fatal(err)
	}
	sum := sha256.Sum256(photo.Bytes())
	w.opens(corpus.Case{File: "kept.png", About: "a JPEG, kept byte by byte", Original: hex.EncodeToString(sum[:]), Name: "Köln 1.jpg"}, photo.Bytes(), w.key,
		WithContent(ContentFile("Köln 1.jpg")))
}

// forRecipients adds the file of the previous corpus, or else encrypts a picture for two new recipients.
func (w *corpusWriter) forRecipients(c corpus.Case, picture []byte, generate func() (identity, recipient string)) {
	if k, ok := w.kept[c.File]; ok {
		w.add(k.Case, k.file)
		return
	}
	_, first := generate()
	identity, second := generate()
	to, err := ParseRecipients(first + "\n" + second)
	if err != nil {
		w.Fatal(err)
	}
	c.Identity = identity
	w.opens(c, picture, to)
}

// ageSlot adds the file of the previous corpus, or else one whose age slot holds content instead of a key.
func (w *corpusWriter) ageSlot(c corpus.Case, content []byte) {
	if k, ok := w.kept[c.File]; ok {
		w.add(k.Case, k.file)
		return
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		w.Fatal(err)
	}
	to, err := ParseRecipients(identity.Recipient().String())
	if err != nil {
		w.Fatal(err)
	}
	data, err := to.Seal(content)
	if err != nil {
		w.Fatal(err)
	}
	var k [32]byte
	copy(k[:], content)
	sealed, _, err := w.model.parse(readFile(w.T, "soft.png"))
	if err != nil {
		w.Fatal(err)
	}
	h := sealed.Header
	h.Slot = keyslot.Slot{Kind: keyslot.Recipients, Data: string(data)}
	text, err := sealed.Open(w.key.Subkeys(h.Nonce), w.model.network.StatisticsBytes())
	if err != nil {
		w.Fatal(err)
	}
	file, err := container.Seal(h, key.FromSecret(k).Subkeys(h.Nonce), text.Levels, text.Statistics, text.Record)
	if err != nil {
		w.Fatal(err)
	}
	c.Identity = identity.String()
	w.add(c, file)
}

func readFile(t *testing.T, name string) []byte {
	b, err := os.ReadFile(filepath.Join(corpusFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// interlaced returns a cipher image with its samples in the seven passes of Adam7.
func interlaced(file []byte, m *image.RGBA) []byte {
	var rows []byte
	for _, pass := range [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		for y := pass[1]; y < m.Rect.Dy(); y += pass[3] {
			rows = append(rows, 0)
			for x := pass[0]; x < m.Rect.Dx(); x += pass[2] {
				c := m.RGBAAt(x, y)
				rows = append(rows, c.R, c.G, c.B)
			}
		}
	}
	list := chunksOf(file)
	list[0].data[12] = 1
	list[2].data = record.Pack(rows) // a zlib stream
	return join(list)
}

// chunk is a chunk of a PNG.
type chunk struct {
	name string
	data []byte
}

// chunksOf returns the chunks of a PNG.
func chunksOf(file []byte) (list []chunk) {
	for rest := file[8:]; len(rest) >= 12; {
		n := binary.BigEndian.Uint32(rest)
		list = append(list, chunk{string(rest[4:8]), bytes.Clone(rest[8 : 8+n])})
		rest = rest[12+n:]
	}
	return list
}

// join returns a PNG of the chunks, with checksums.
func join(list []chunk) []byte {
	file := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range list {
		file = pngchunk.Append(file, c.name, c.data)
	}
	return file
}

// refused adds a file that a step refuses with an error code. secret is a key, or an unused string and a passphrase.
func (w *corpusWriter) refused(step int, code, name, about string, file []byte, secret ...string) {
	c := corpus.Case{File: fmt.Sprintf("step%d-%s.png", step, name), About: about, Step: step, Error: code}
	switch {
	case len(secret) == 1:
		c.Key = secret[0]
	case len(secret) == 2:
		c.Passphrase = secret[1]
	}
	w.add(c, file)
}

// sealing holds the parts of a cipher image, to be changed before they are sealed.
type sealing struct {
	header                     container.Header
	levels, statistics, record []byte
}

func (w *corpusWriter) negative() {
	soft := readFile(w.T, "soft.png")
	// with returns soft.png with changed chunks and valid checksums.
	with := func(change func(list []chunk) []chunk) []byte { return join(change(chunksOf(soft))) }
	// header returns soft.png with a changed content of its enCR chunk.
	header := func(change func(b []byte) []byte) []byte {
		return with(func(list []chunk) []chunk { list[1].data = change(list[1].data); return list })
	}
	put := func(at int, b ...byte) func([]byte) []byte {
		return func(header []byte) []byte { copy(header[at:], b); return header }
	}
	ihdr := func(at int, b ...byte) []byte {
		return with(func(list []chunk) []chunk { copy(list[0].data[at:], b); return list })
	}

	// 1: not a cipher image.
	w.refused(1, NotCipher, "text", "not a PNG", []byte("This is no picture.\n"))
	w.refused(1, NotCipher, "empty", "an empty file", nil)
	w.refused(1, NotCipher, "picture", "a PNG without enCR", with(func(list []chunk) []chunk { return slices.Delete(list, 1, 2) }))
	w.refused(1, NotCipher, "magic", "an enCR without the magic", header(put(0, 'D')))
	w.refused(1, NotCipher, "short", "an enCR of 11 bytes", header(func(b []byte) []byte { return b[:11] }))
	w.refused(1, NotCipher, "cut-chunk", "a file that was cut in its enCR", soft[:100])
	w.refused(1, NotCipher, "cut", "a file that was cut before its enCR", soft[:40])

	// 2: damaged around enCR.
	w.refused(2, Changed, "twice", "two chunks enCR", with(func(list []chunk) []chunk { return slices.Insert(list, 1, list[1]) }))
	sum := bytes.Clone(soft)
	sum[8+25+8+60]++
	w.refused(2, Changed, "checksum", "a wrong checksum of enCR", sum)
	w.refused(2, Changed, "cut", "a file that was cut in its pixels", soft[:len(soft)-100])
	w.refused(2, Changed, "no-end", "a file without IEND", soft[:len(soft)-12])

	// 3: of a later version.
	w.refused(3, UnsupportedVersion, "version", "version 2", header(put(9, 2)))
	w.refused(3, UnsupportedVersion, "flags", "a flag of a later version", header(put(10, 2)))
	w.refused(3, UnsupportedVersion, "slot", "a key slot of kind 3", header(put(11, 3)))

	// 4: fields out of range.
	w.refused(4, Changed, "cut-header", "a header of 100 bytes", header(func(b []byte) []byte { return b[:100] }))
	w.refused(4, Changed, "width", "a picture 0 pixels wide", header(put(44, 0, 0, 0, 0)))
	w.refused(4, Changed, "width-over", "a width over 2^30", header(put(44, 0x40, 0, 0, 1)))
	w.refused(4, Changed, "stride", "a stride of 0", header(put(52, 0, 0)))
	w.refused(4, Changed, "side", "a side that is no multiple of the stride", header(put(54, 1, 1)))
	w.refused(4, Changed, "min-side", "a least side that is no multiple of the stride", header(put(56, 0, 17)))
	w.refused(4, Changed, "slot-data", "data in the slot of a key file", header(func(b []byte) []byte { return append(put(114, 0, 1)(b), 0) }))
	w.refused(4, Changed, "slot-length", "a slot that is longer than the chunk", header(put(114, 0xff, 0xff)))
	w.refused(4, TooLarge, "size", "a size over any reader's limit", header(put(44, 0x20, 0, 0, 0, 0x20, 0, 0, 0)))
	w.refused(4, Changed, "ihdr-width", "an IHDR of another width", ihdr(0, 0, 0, 0, 44))
	w.refused(4, Changed, "ihdr-depth", "an IHDR of 16 bits", ihdr(8, 16))
	w.refused(4, Changed, "ihdr-colour", "an IHDR with alpha", ihdr(9, 6))
	argon := func(name, about string, at int, b ...byte) {
		list := chunksOf(readFile(w.T, "passphrase.png"))
		copy(list[1].data[116+16+at:], b)
		w.refused(4, Changed, name, about, join(list), "", corpusPassphrase)
	}
	argon("argon2id-no-pass", "Argon2id without a pass", 0, 0, 0, 0, 0)
	argon("argon2id-passes", "Argon2id with more passes than a reader takes", 0, 0, 0, 0, 255)
	argon("argon2id-memory", "Argon2id over more memory than a reader takes", 4, 1, 0, 0, 0)
	argon("argon2id-work", "Argon2id with the most passes over the most memory, which together are more work than a reader does", 0, 0, 0, 0, 8, 0, 2, 0, 0)
	argon("argon2id-little", "Argon2id over less than 8 KiB a lane", 4, 0, 0, 0, 31)
	argon("argon2id-lanes", "Argon2id in more lanes than a reader takes", 8, 255)
	list := chunksOf(readFile(w.T, "recipient.png"))
	list[1].data[116] = 'A'
	w.refused(4, Changed, "age", "a slot that is no age file", join(list))

	// 5: another model.
	w.refused(5, OtherModel, "model", "another model's fingerprint", header(func(b []byte) []byte { b[12] ^= 1; return b }))
	w.refused(5, Changed, "tiling", "the model's fingerprint, another tiling", header(put(54, 0, 128)))

	// 6: another key.
	other := secretOf(w.T, "ff"+corpusSecret[2:])
	w.refused(6, WrongKey, "key", "another key", soft, other.Text())
	w.refused(6, WrongKey, "nonce", "another nonce", header(func(b []byte) []byte { b[58] ^= 1; return b }))
	w.refused(6, WrongKey, "commitment", "another commitment", header(func(b []byte) []byte { b[82] ^= 1; return b }))
	w.refused(6, WrongKey, "passphrase", "another passphrase", readFile(w.T, "passphrase.png"), "", corpusPassphrase+".")
	w.refused(6, WrongKey, "kind", "a key, where a passphrase is asked for", readFile(w.T, "passphrase.png"))

	opener := w.list.Cases[slices.IndexFunc(w.list.Cases, func(c corpus.Case) bool { return c.File == "recipient.png" })].Identity
	w.add(corpus.Case{File: "step6-identity.png", About: "an identity that is none of its recipients'", Step: 6, Error: WrongKey,
		Identity: "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"}, readFile(w.T, "recipient.png"))
	list = chunksOf(readFile(w.T, "recipient.png"))
	slot := list[1].data[116:]
	slot = slot[:binary.BigEndian.Uint16(list[1].data[114:])]
	slot[len(slot)-1] ^= 1
	w.add(corpus.Case{File: "step6-age-damaged.png", About: "an age file whose last byte was changed", Step: 6, Error: Changed, Identity: opener}, join(list))
	w.ageSlot(corpus.Case{File: "step6-age-zeros.png", About: "an age file that holds 32 zeros", Step: 6, Error: Changed}, make([]byte, 32))
	w.ageSlot(corpus.Case{File: "step6-age-short.png", About: "an age file that holds 31 bytes", Step: 6, Error: Changed}, bytes.Repeat([]byte{1}, 31))

	// 7: changed.
	w.refused(7, Changed, "sample", "one sample changed", with(func(list []chunk) []chunk {
		m, err := png.Decode(bytes.NewReader(soft))
		if err != nil {
			w.Fatal(err)
		}
		m.(*image.RGBA).Pix[4*100+1] ^= 1
		i := slices.IndexFunc(list, func(c chunk) bool { return c.name == "IDAT" })
		list[i] = chunksOf(w.encode(m))[1]
		return list
	}))
	w.refused(7, Changed, "tail", "the last byte of the tag changed", header(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }))
	w.refused(7, Changed, "tail-cut", "a tail without its last byte", header(func(b []byte) []byte { return b[:len(b)-1] }))
	w.refused(7, Changed, "tail-short", "a tail too short for statistics and tag", header(func(b []byte) []byte { return b[:116+100] }))
	w.refused(7, Changed, "associated", "another height, padded to the same", header(put(48, 0, 0, 0, 31)))
	w.refused(7, Changed, "idat-missing", "no IDAT", with(func(list []chunk) []chunk { return slices.Delete(list, 2, 3) }))
	w.refused(7, Changed, "idat-short", "black pixels, whose IDAT is far shorter than noise can be", with(func(list []chunk) []chunk {
		black := image.NewRGBA(image.Rect(0, 0, 48, 32))
		for i := 3; i < len(black.Pix); i += 4 {
			black.Pix[i] = 255
		}
		list[2] = chunksOf(w.encode(black))[1]
		return list
	}))
	w.refused(7, Changed, "idat-zlib", "an IDAT whose zlib stream is damaged", with(func(list []chunk) []chunk { list[2].data[0] ^= 0x40; return list }))
	w.refused(7, Changed, "filter", "a row with a filter type that PNG does not have", with(func(list []chunk) []chunk {
		rows, err := record.Unpack(list[2].data, 32*(1+3*48))
		if err != nil {
			w.Fatal(err)
		}
		rows[5*(1+3*48)] = 7
		list[2].data = record.Pack(rows)
		return list
	}))
	w.refused(7, Changed, "idat-apart", "another chunk between two IDAT", with(func(list []chunk) []chunk {
		whole := list[2].data
		list[2].data = whole[:1000]
		return slices.Insert(list, 3, chunk{"gAMA", []byte{0, 0, 0xb1, 0x8f}}, chunk{"IDAT", whole[1000:]})
	}))
	w.refused(7, Changed, "interlace", "a method of interlacing that PNG does not have", ihdr(12, 2))

	anew := chunksOf(readFile(w.T, "written-anew.png"))
	for _, name := range []string{"gAMA", "IDAT"} {
		file := join(anew)
		at := bytes.Index(file, []byte(name))
		file[at+4+int(binary.BigEndian.Uint32(file[at-4:]))] ^= 1
		w.refused(7, Changed, "checksum-"+name, "a wrong checksum of "+name, file)
	}

	// 8 and 9: sealed with the right key, with content that no writer makes.
	subkeys := w.key.Subkeys
	sealed, plan, err := w.model.parse(soft)
	if err != nil {
		w.Fatal(err)
	}
	reseal := func(name string, change func(r record.Record, s *sealing)) []byte {
		text, err := sealed.Open(subkeys(sealed.Header.Nonce), len(plan.Tiles)*w.model.network.StatisticsBytes())
		if err != nil {
			w.Fatal(err)
		}
		r, err := record.Decode(text.Record)
		if err != nil {
			w.Fatal(err)
		}
		s := &sealing{sealed.Header, text.Levels, text.Statistics, nil}
		nonce := sha256.Sum256([]byte(name)) // another nonce gives the keyed layers another seed
		copy(s.header.Nonce[:], sealed.Header.Nonce[:])
		copy(s.header.Nonce[16:], nonce[:])
		change(r, s)
		if s.record == nil {
			s.record = r.Encode()
		}
		file, err := container.Seal(s.header, subkeys(s.header.Nonce), s.levels, s.statistics, s.record)
		if err != nil {
			w.Fatal(err)
		}
		return file
	}
	records := map[string]struct {
		about  string
		change func(r record.Record, s *sealing)
	}{
		"unknown": {"a section of kind 200", func(r record.Record, s *sealing) { s.record = padded(append(sections(r), 200, 0, 0, 0, 0)) }},
		"order":   {"sections in falling order", func(r record.Record, s *sealing) { s.record = padded(append(section(3, nil), sections(r)...)) }},
		"twice": {"a section that is there twice", func(r record.Record, s *sealing) {
			s.record = padded(append(section(1, r[record.Digest]), sections(r)...))
		}},
		"cut":            {"a section that is longer than the record", func(r record.Record, s *sealing) { s.record = padded([]byte{1, 0, 1, 0, 0}) }},
		"no-end":         {"a record of 256 bytes without its end", func(r record.Record, s *sealing) { s.record = section(1, bytes.Repeat([]byte{1}, 251)) }},
		"padding":        {"padding that is not zero", func(r record.Record, s *sealing) { s.record = r.Encode(); s.record[len(s.record)-1] = 1 }},
		"padding-length": {"padding that is longer than it must be", func(r record.Record, s *sealing) { s.record = append(r.Encode(), make([]byte, 64)...) }},
		"digest-length":  {"a digest of 31 bytes", func(r record.Record, s *sealing) { r[record.Digest] = r[record.Digest][:31] }},
		"no-digest":      {"a residual without a digest", func(r record.Record, s *sealing) { delete(r, record.Digest) }},
		"no-residual":    {"a digest without a residual", func(r record.Record, s *sealing) { delete(r, record.Residual) }},
		"gray-content":   {"a section 3 that is not empty", func(r record.Record, s *sealing) { r[record.Gray] = []byte{1} }},
		"gray-alpha": {"gray with alpha", func(r record.Record, s *sealing) {
			r[record.Gray], r[record.Alpha] = nil, record.Pack(make([]byte, 48*32))
		}},
		"name-slash": {"a name with a slash", func(r record.Record, s *sealing) { r[record.File], r[record.Name] = soft, []byte("../a.png") }},
		"name-utf8":  {"a name that is not UTF-8", func(r record.Record, s *sealing) { r[record.File], r[record.Name] = soft, []byte("a\xff.png") }},
		"name-long": {"a name of 256 bytes", func(r record.Record, s *sealing) {
			r[record.File], r[record.Name] = soft, bytes.Repeat([]byte{'a'}, 256)
		}},
		"name-alone":      {"a name without a file", func(r record.Record, s *sealing) { r[record.Name] = []byte("a.png") }},
		"chunks-critical": {"a critical PNG chunk among those that are kept", func(r record.Record, s *sealing) { r[record.Chunks] = join([]chunk{{"PLTE", []byte{1, 2, 3}}})[8:] }},
		"chunks-checksum": {"a kept PNG chunk with a wrong checksum", func(r record.Record, s *sealing) {
			b := join([]chunk{{"gAMA", []byte{0, 0, 0xb1, 0x8f}}})[8:]
			b[len(b)-1] ^= 1
			r[record.Chunks] = b
		}},
	}
	for _, name := range slices.Sorted(maps.Keys(records)) {
		w.refused(8, UnsupportedVersion, name, records[name].about, reseal(name, records[name].change))
	}
	inexact := map[string]struct {
		about  string
		change func(r record.Record, s *sealing)
	}{
		"digest": {"another digest", func(r record.Record, s *sealing) { s.header = sealed.Header; r[record.Digest][0] ^= 1 }},
		"residual": {"a residual that was cut", func(r record.Record, s *sealing) {
			s.header = sealed.Header
			r[record.Residual] = r[record.Residual][:3]
		}},
		"residual-kind": {"a residual with a stream of an unknown kind", func(r record.Record, s *sealing) {
			s.header = sealed.Header
			r[record.Residual] = []byte{0, 0, 0, 1, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0}
		}},
		"residual-empty": {"an empty residual", func(r record.Record, s *sealing) { s.header = sealed.Header; r[record.Residual] = nil }},
		"alpha-short": {"an alpha channel that is one byte too short", func(r record.Record, s *sealing) {
			s.header = sealed.Header
			r[record.Alpha] = record.Pack(make([]byte, 48*32-1))
		}},
		"alpha-long": {"an alpha channel that is one byte too long", func(r record.Record, s *sealing) {
			s.header = sealed.Header
			r[record.Alpha] = record.Pack(make([]byte, 48*32+1))
		}},
		"file": {"the right picture, with a file of another one as the original", func(r record.Record, s *sealing) {
			s.header = sealed.Header
			r[record.File] = soft
		}},
		"file-none": {"the right picture, with what is no picture as the original file", func(r record.Record, s *sealing) {
			s.header = sealed.Header
			r[record.File] = []byte("MZ")
		}},
		"nonce": {"the right picture, encrypted with the keyed layers of another nonce", func(r record.Record, s *sealing) {}},
	}
	for _, name := range slices.Sorted(maps.Keys(inexact)) {
		w.refused(9, NotExact, name, inexact[name].about, reseal(name, inexact[name].change))
	}
}

// section returns a section of a record.
func section(kind byte, content []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(content))), content...)
}

// sections returns the sections of a record without its end.
func sections(r record.Record) (b []byte) {
	for _, k := range slices.Sorted(maps.Keys(r)) {
		b = append(b, section(byte(k), r[k])...)
	}
	return b
}

// padded appends the end and the padding to a record.
func padded(b []byte) []byte {
	b = append(b, 0)
	return append(b, make([]byte, record.Padded(len(b))-len(b))...)
}
