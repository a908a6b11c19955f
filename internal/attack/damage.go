package attack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"slices"

	"enciphergan"
	"enciphergan/internal/kernel"
	"enciphergan/internal/key"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/onnx"
	"enciphergan/internal/picture"
	"enciphergan/internal/pngchunk"
)

// ModelReport holds the effect of wrong keys, wrong weights and damage on the cipher
// images of a model.
type ModelReport struct {
	Name        string       `json:"name"`
	Profile     string       `json:"profile"`
	Keyed       bool         `json:"keyed"`
	Intact      Quality      `json:"intact"`    // of the decryption generator, without the residual
	WrongKey    *Quality     `json:"wrong_key"` // null without a key
	Perturbed   []Damaged    `json:"perturbed"` // noise on the weights of the decryption generator
	Bare        []Damaged    `json:"bare"`      // damage to the bare cipher image, with intact statistics and key
	File        []Rejection  `json:"file"`      // the same damage to the pixels of the file, and more
	Conclusions []Conclusion `json:"conclusions"`
}

// Damaged is the quality that the decryption generator recovers after a treatment.
type Damaged struct {
	Treatment string `json:"treatment"`
	Quality
}

// Rejection counts the damaged files that were rejected.
type Rejection struct {
	Treatment string         `json:"treatment"`
	Files     int            `json:"files"`
	Rejected  int            `json:"rejected"`
	Codes     map[string]int `json:"codes"` // of the errors
}

// treatment changes the samples (S, S, 3) of a cipher image.
type treatment struct {
	name  string
	apply func(rgb []byte, side int, r *rand.Rand) ([]byte, error)
}

var treatments = []treatment{
	{"1 bit flipped", func(rgb []byte, _ int, r *rand.Rand) ([]byte, error) {
		rgb[r.IntN(len(rgb))] ^= 1 << r.IntN(8)
		return rgb, nil
	}},
	{"0.1 % of bits flipped", flips(0.001)},
	{"1 % of bits flipped", flips(0.01)},
	{"1/16 cropped to gray", cropped(4)},
	{"1/4 cropped to gray", cropped(2)},
	{"noise, deviation 1 level", gaussian(1)},
	{"noise, deviation 4 levels", gaussian(4)},
	{"noise, deviation 16 levels", gaussian(16)},
	{"JPEG quality 95", recompressed(95)},
	{"JPEG quality 75", recompressed(75)},
	{"JPEG quality 50", recompressed(50)},
}

func flips(share float64) func([]byte, int, *rand.Rand) ([]byte, error) {
	return func(rgb []byte, _ int, r *rand.Rand) ([]byte, error) {
		for range int(math.Ceil(share * float64(8*len(rgb)))) {
			rgb[r.IntN(len(rgb))] ^= 1 << r.IntN(8)
		}
		return rgb, nil
	}
}

// cropped replaces the top left corner, side/part pixels on each side, with middle gray.
func cropped(part int) func([]byte, int, *rand.Rand) ([]byte, error) {
	return func(rgb []byte, side int, _ *rand.Rand) ([]byte, error) {
		for y := range side / part {
			for i := range 3 * (side / part) {
				rgb[3*side*y+i] = 128
			}
		}
		return rgb, nil
	}
}

func gaussian(deviation float64) func([]byte, int, *rand.Rand) ([]byte, error) {
	return func(rgb []byte, _ int, r *rand.Rand) ([]byte, error) {
		for i, v := range rgb {
			rgb[i] = level(float64(v) + deviation*r.NormFloat64())
		}
		return rgb, nil
	}
}

func recompressed(quality int) func([]byte, int, *rand.Rand) ([]byte, error) {
	return func(rgb []byte, side int, _ *rand.Rand) ([]byte, error) {
		file, err := encodeJPEG(rgb, side, quality)
		if err != nil {
			return nil, err
		}
		p, err := picture.Decode(file, picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels})
		if err != nil {
			return nil, err
		}
		return p.RGB, nil
	}
}

func encodeJPEG(rgb []byte, side, quality int) ([]byte, error) {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		m.Set(i%side, i/side, color.RGBA{rgb[3*i], rgb[3*i+1], rgb[3*i+2], 255})
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality})
	return b.Bytes(), err
}

// perturbations are the deviations of the noise on weights, relative to each weight.
var perturbations = []float64{0.001, 0.01, 0.03, 0.1}

// damage decrypts with wrong keys and weights, and damaged cipher images.
func (v *Victim) damage(ctx context.Context, probes [][]byte, side int, r *rand.Rand, progress Progress) (ModelReport, error) {
	report := ModelReport{Name: v.Name, Profile: v.definition.Profile, Keyed: v.definition.Keyed()}
	session := v.model.NewSession(v.model.Arithmetic())
	ciphers := make([]network.Cipher, len(probes))
	done, total := 0, 1+len(perturbations)+2*len(treatments)
	if v.definition.Keyed() {
		total++
	}
	advance := func() {
		done++
		progress(v.Name+", damage", done, total)
	}
	for i, plain := range probes {
		var err error
		if ciphers[i], err = session.Encrypt(ctx, plain, side, side, v.tileSeed(uint64(i))); err != nil {
			return report, err
		}
	}
	recover := func(s *network.Session, seed func(uint64) keyschedule.Seed, change func([]byte) ([]byte, error)) (Quality, error) {
		back := make([][]byte, len(probes))
		for i, c := range ciphers {
			levels, err := change(slices.Clone(c.Levels))
			if err != nil {
				return Quality{}, err
			}
			c.Levels = levels
			if back[i], err = s.Decrypt(ctx, c, seed(uint64(i))); err != nil {
				return Quality{}, err
			}
		}
		advance()
		return quality(probes, func(i int) []byte { return back[i] }, side), nil
	}
	same := func(levels []byte) ([]byte, error) { return levels, nil }
	var err error
	if report.Intact, err = recover(session, v.tileSeed, same); err != nil {
		return report, err
	}
	if report.Keyed {
		other := key.FromSecret(secret(v.seed, "wrong key", 0))
		q, err := recover(session, func(number uint64) keyschedule.Seed {
			return other.Subkeys(nonce(v.seed, number)).TileSeed(v.model.Fingerprint(), 0)
		}, same)
		if err != nil {
			return report, err
		}
		report.WrongKey = &q
	}
	for _, k := range perturbations {
		m, err := v.perturbed(k, r)
		if err != nil {
			return report, err
		}
		q, err := recover(m.NewSession(v.model.Arithmetic()), v.tileSeed, same)
		if err != nil {
			return report, err
		}
		report.Perturbed = append(report.Perturbed, Damaged{fmt.Sprintf("%g %% noise on the weights", 100*k), q})
	}
	for _, t := range treatments {
		q, err := recover(session, v.tileSeed, func(levels []byte) ([]byte, error) { return t.apply(levels, side, r) })
		if err != nil {
			return report, err
		}
		report.Bare = append(report.Bare, Damaged{t.name, q})
	}
	if err := v.reject(ctx, &report, probes, side, r, advance); err != nil {
		return report, err
	}
	report.conclude()
	return report, nil
}

// reject decrypts damaged files. Each must be rejected.
func (v *Victim) reject(ctx context.Context, report *ModelReport, probes [][]byte, side int, r *rand.Rand, advance func()) error {
	files := make([][]byte, len(probes))
	for i, plain := range probes {
		s, err := v.sealed(ctx, plain, side, uint64(i))
		if err != nil {
			return err
		}
		files[i] = s.PNG
		if _, err := v.cipher.Decrypt(ctx, s.PNG, v.key); err != nil {
			return fmt.Errorf("an undamaged file is rejected: %w", err)
		}
	}
	try := func(name string, k key.Key, change func(file []byte) ([]byte, error)) error {
		rejection := Rejection{Treatment: name, Codes: map[string]int{}}
		for _, file := range files {
			damaged, err := change(file)
			if err != nil {
				return err
			}
			rejection.Files++
			if _, err := v.cipher.Decrypt(ctx, damaged, k); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				rejection.Rejected++
				rejection.Codes[encipher.CodeOf(err)]++
			}
		}
		report.File = append(report.File, rejection)
		return nil
	}
	for _, t := range treatments {
		if err := try(t.name, v.key, func(file []byte) ([]byte, error) {
			return repaint(file, func(rgb []byte, side int) ([]byte, error) { return t.apply(rgb, side, r) })
		}); err != nil {
			return err
		}
		advance()
	}
	if err := try("sent as JPEG quality 95", v.key, func(file []byte) ([]byte, error) {
		p, err := picture.Decode(file, picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels})
		if err != nil {
			return nil, err
		}
		return encodeJPEG(p.RGB, p.Width, 95)
	}); err != nil {
		return err
	}
	return try("another key", key.FromSecret(secret(v.seed, "wrong key", 0)), func(file []byte) ([]byte, error) { return file, nil })
}

// repaint changes the pixels of a square cipher image and copies its private chunk,
// as an attacker who knows the format would.
func repaint(file []byte, change func(rgb []byte, side int) ([]byte, error)) ([]byte, error) {
	p, err := picture.Decode(file, picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels})
	if err != nil {
		return nil, err
	}
	q := picture.New(p.Height, p.Width)
	if q.RGB, err = change(slices.Clone(p.RGB), p.Width); err != nil {
		return nil, err
	}
	if bytes.Equal(p.RGB, q.RGB) {
		return nil, errors.New("a treatment did not change a file")
	}
	painted, err := q.PNG()
	if err != nil {
		return nil, err
	}
	const signature, private = 8, "enCR"
	var chunk []byte
	for name, data, rest, ok := pngchunk.Next(file[signature:]); ok; name, data, rest, ok = pngchunk.Next(rest) {
		if name == private {
			chunk = data
		}
	}
	if chunk == nil {
		return nil, errors.New("the cipher image has no private chunk")
	}
	out := slices.Clone(painted[:signature])
	for name, data, rest, ok := pngchunk.Next(painted[signature:]); ok; name, data, rest, ok = pngchunk.Next(rest) {
		out = pngchunk.Append(out, name, data)
		if name == "IHDR" {
			out = pngchunk.Append(out, private, chunk)
		}
	}
	return out, nil
}

// perturbed returns the model with noise on the weights of its decryption generator.
func (v *Victim) perturbed(relative float64, r *rand.Rand) (*network.Model, error) {
	files := v.files
	var n int
	var err error
	if files.Decryption, n, err = perturb(files.Decryption, relative, r); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("the decryption generator has no weights to perturb")
	}
	card := v.model.Card()
	sum := sha256.Sum256(files.Decryption)
	card.Decryption = hex.EncodeToString(sum[:])
	if files.Card, err = json.Marshal(card); err != nil {
		return nil, err
	}
	return network.Load(files)
}

// perturb multiplies every weight of an ONNX file by 1 plus normal noise. It returns
// the new file and the number of weights. Constants of one element are parameters of
// operators.
func perturb(file []byte, relative float64, r *rand.Rand) (perturbed []byte, count int, err error) {
	noisy := func(v float32) float32 { return float32(float64(v) * (1 + relative*r.NormFloat64())) }
	perturbed, err = onnx.Edit(file, onnx.DefaultLimits(), func(g *onnx.Graph) error {
		for i := range g.Initializers {
			t := &g.Initializers[i]
			raw := slices.Clone(t.Raw)
			switch {
			case t.Type == onnx.Float32 && len(raw) > 4:
				for at := 0; at < len(raw); at, count = at+4, count+1 {
					binary.LittleEndian.PutUint32(raw[at:], math.Float32bits(noisy(math.Float32frombits(binary.LittleEndian.Uint32(raw[at:])))))
				}
			case t.Type == onnx.Float16 && len(raw) > 2:
				for at := 0; at < len(raw); at, count = at+2, count+1 {
					binary.LittleEndian.PutUint16(raw[at:], kernel.HalfBits(noisy(kernel.HalfValue(binary.LittleEndian.Uint16(raw[at:])))))
				}
			}
			t.Raw = raw
		}
		return nil
	})
	return perturbed, count, err
}

// conclude derives the conclusions from the figures of a model.
func (m *ModelReport) conclude() {
	say := func(attack string, breaks bool, format string, args ...any) {
		m.Conclusions = append(m.Conclusions, Conclusion{attack, breaks, fmt.Sprintf(format, args...)})
	}
	switch {
	case m.WrongKey == nil:
		say("wrong key", true, "the network has no key: anyone with its weights decrypts the bare cipher image (%.2f dB)", m.Intact.PSNR)
	case m.Intact.PSNR-m.WrongKey.PSNR < gainThreshold || m.WrongKey.PSNR >= recoveredThreshold:
		say("wrong key", true, "the bare cipher image is recovered at %.2f dB with another key, at %.2f dB with its own", m.WrongKey.PSNR, m.Intact.PSNR)
	default:
		say("wrong key", false, "the bare cipher image is recovered at %.2f dB with another key and the right statistics, at %.2f dB with its own", m.WrongKey.PSNR, m.Intact.PSNR)
	}
	smallest, largest := m.Perturbed[0], m.Perturbed[len(m.Perturbed)-1]
	say("perturbed weights", smallest.PSNR >= recoveredThreshold, "%s leaves %.2f dB, %s %.2f dB: the weights are public and not a key", smallest.Treatment, smallest.PSNR, largest.Treatment, largest.PSNR)
	bits := m.Bare[0]
	rough := m.Bare[len(m.Bare)-1]
	say("damaged bare cipher", true, "damage to a bare cipher image is not detected: with %s it is recovered at %.2f dB, after %s at %.2f dB", bits.Treatment, bits.PSNR, rough.Treatment, rough.PSNR)
	files, rejected := 0, 0
	for _, f := range m.File {
		files, rejected = files+f.Files, rejected+f.Rejected
	}
	say("damaged files", rejected < files, "%d of %d files are rejected that were changed, recompressed or decrypted with a wrong key", rejected, files)
}
