package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// Stream returns the random numbers for one purpose at one step of a run, from a
// ChaCha8 generator with the seed
//
//	SHA-256("encipher training 1" | seed, 8 bytes LE | step, 8 bytes LE | purpose)
//
// No state of a generator has to be saved: a resumed run draws the numbers that
// an uninterrupted one draws.
func Stream(seed uint64, step int, purpose string) *rand.Rand {
	return rand.New(source(seed, step, purpose))
}

func source(seed uint64, step int, purpose string) *rand.ChaCha8 {
	text := []byte("encipher training 1")
	text = binary.LittleEndian.AppendUint64(text, seed)
	text = binary.LittleEndian.AppendUint64(text, uint64(step))
	return rand.NewChaCha8(sha256.Sum256(append(text, purpose...)))
}
