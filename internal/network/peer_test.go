package network

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"enciphergan/internal/kernel"

	"enciphergan/internal/keyschedule"
	"enciphergan/internal/onnx"
	"enciphergan/internal/onnx/peer"

	"gorgonia.org/tensor"
)

// TestOnnxruntimeAgreesOnModels runs the shipped files, keyed inputs included,
// in onnxruntime and here, and prints the largest difference.
//
// The encryption generator rounds its carried statistics to half precision:
// where a mean or deviation is close to a rounding boundary the two may round to
// neighbouring halves, 2^-11 of their value apart, and the cipher follows. So
// the encryption bound is one half-precision step of a deviate of 4; the
// decryption generator is given equal statistics and gets a bound for the
// rounding of its 20 convolutions alone.
func TestOnnxruntimeAgreesOnModels(t *testing.T) {
	runtime, err := peer.Find()
	if errors.Is(err, peer.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	const size = 64
	cards, _ := filepath.Glob("../../models/*/card.json")
	if len(cards) == 0 {
		t.Fatal("no shipped model found")
	}
	for _, card := range cards {
		f, err := ReadFiles(os.DirFS(filepath.Dir(card)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Load(f)
		if err != nil {
			t.Fatal(err)
		}
		s := m.NewSession(kernel.Canonical)
		seed := keyschedule.Seed{3}
		rgb := smooth(seeded(t), size, size)
		compare := func(generator string, data []byte, in map[string]*tensor.Dense, tolerance float64) {
			t.Helper()
			machine, err := onnx.Load(t.Context(), data, m.Dims(size, size), onnx.DefaultLimits(), kernel.Canonical)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := machine.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := runtime.Run(data, in)
			if err != nil {
				t.Fatal(err)
			}
			difference, output, err := peer.MaxDifference(ours, theirs)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s of %s: max abs difference to onnxruntime %.3g (%s)", generator, m.Name(), difference, output)
			if !(difference <= tolerance) {
				t.Errorf("%s of %s: difference %g exceeds %g", generator, m.Name(), difference, tolerance)
			}
		}
		in, err := s.EncryptionInputs(rgb, size, size, seed)
		if err != nil {
			t.Fatal(err)
		}
		compare(encryptionFile, f.Encryption, in, 4.0/1024)

		c, err := s.Encrypt(context.Background(), rgb, size, size, seed)
		if err != nil {
			t.Fatal(err)
		}
		if in, err = s.DecryptionInputs(c, seed); err != nil {
			t.Fatal(err)
		}
		compare(decryptionFile, f.Decryption, in, 1e-3)
	}
}
