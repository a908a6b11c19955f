package network

import (
	"bytes"
	"context"
	"math"
	"testing"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
)

// contrasty sets weights at which the first convolution has so much contrast that the eps of
// the norm after it does not matter, and the output avoids the flat part of tanh.
func contrasty(encryption, decryption *Weights) {
	for i := range encryption.Data("down0.weight") {
		encryption.Data("down0.weight")[i] *= 50
	}
	for i := range decryption.Data("out.weight") {
		decryption.Data("out.weight")[i] /= 100
	}
}

// The published network, whatever its weights, gives equal ciphers for a picture x
// and for a*x + b with a > 0 and any b that is the same for all of a colour: its
// first convolution has no bias and its border is mirrored, so that every channel
// becomes a*y + b', and the instance norm after it removes both, except for the
// effect of eps where a channel is nearly flat. No decryption can tell two such
// pictures apart, so at least for one of them PSNR is at most 6 dB above that
// between the two. The profile paper+stats carries the statistics that the norm removes.
func TestContrast(t *testing.T) {
	const size = 64
	r := seeded(t)
	strong, weak := smooth(r, size, size), make([]byte, 3*size*size)
	for i, v := range strong {
		strong[i] = v &^ 3 // so that a quarter of the contrast rounds nothing
		weak[i] = strong[i]/4 + 96
	}
	for _, c := range []struct {
		definition Definition
		carried    int
	}{{Paper(), 0}, {PaperStats(), 2 * 2 * (32 + 64 + 128 + 64 + 32)}} {
		m := fresh(t, c.definition, contrasty)
		if m.StatisticsBytes() != c.carried {
			t.Errorf("%s carries %d bytes, want %d", c.definition.Profile, m.StatisticsBytes(), c.carried)
		}
		s := m.NewSession(kernel.Canonical)
		encrypt := func(rgb []byte) Cipher {
			cipher, err := s.Encrypt(context.Background(), rgb, size, size, keyschedule.Seed{})
			if err != nil {
				t.Fatal(err)
			}
			return cipher
		}
		a, b := encrypt(strong), encrypt(weak)
		var most float64
		for i := range a.Levels {
			most = max(most, math.Abs(float64(a.Levels[i])-float64(b.Levels[i])))
		}
		t.Logf("%s: levels of the two ciphers differ by at most %g", c.definition.Profile, most)
		if limit := 1 + float64(min(1, c.carried)); most > limit { // carried statistics are rounded
			t.Errorf("%s: a quarter of the contrast changes the cipher by %g levels", c.definition.Profile, most)
		}
		if c.carried == 0 {
			continue
		}
		if bytes.Equal(a.Statistics, b.Statistics) {
			t.Error("the statistics of both pictures are the same")
		}
		first, err := s.Decrypt(context.Background(), a, keyschedule.Seed{})
		if err != nil {
			t.Fatal(err)
		}
		a.Statistics = b.Statistics
		second, err := s.Decrypt(context.Background(), a, keyschedule.Seed{})
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(first, second) {
			t.Error("decryption does not read the statistics")
		}
	}
}
