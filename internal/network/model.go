package network

import (
	"context"
	"io/fs"

	"enciphergan/internal/keyed"
)

// Files are the three parts of a model directory, as bytes: card.json,
// encryption.onnx and decryption.onnx.
type Files struct {
	Card       []byte
	Encryption []byte
	Decryption []byte
}

// ReadFiles reads a model directory. Each file is bounded before it is read.
func ReadFiles(dir fs.FS) (Files, error) { panic("being written") }

// Tiling says how a model wants a picture cut.
type Tiling struct {
	Stride    int // height and width of a tile are multiples of it
	Side      int // side of a full tile, about 256; 0: the picture is taken whole
	MinSide   int // smallest height and width of a tile; smaller pictures are padded up to it
	MaxPixels int // largest picture in pixels (after padding) that the model accepts; 0: no limit of its own
}

// Model is a pair of trained generators. It is immutable and safe for concurrent use.
type Model struct{}

// Load decodes a model. Hostile files end in an error, never in a panic.
func Load(f Files) (*Model, error) { panic("being written") }

// Name is the name on the model's card.
func (m *Model) Name() string { panic("being written") }

// Fingerprint is the SHA-256 over the canonical bytes of both generators.
func (m *Model) Fingerprint() [32]byte { panic("being written") }

// Tiling says how to cut pictures for this model.
func (m *Model) Tiling() Tiling { panic("being written") }

// StatisticsBytes is the number of bytes of carried statistics of one tile (0 for the paper profile).
func (m *Model) StatisticsBytes() int { panic("being written") }

// Session runs a model's generators. It owns the graphs, cached by tile shape,
// and serves one goroutine at a time.
type Session struct{}

// NewSession makes a session.
func (m *Model) NewSession() *Session { panic("being written") }

// Cipher is the output of the encryption generator for one tile, quantised to 8 bits.
type Cipher struct {
	Height, Width int
	Levels        []byte // (H, W, 3) interleaved
	Statistics    []byte // carried statistics, Model.StatisticsBytes long
}

// Encrypt runs the encryption generator on one tile. rgb is (H, W, 3) interleaved, 8 bits a sample.
func (s *Session) Encrypt(ctx context.Context, rgb []byte, height, width int, seed keyed.Seed) (Cipher, error) {
	panic("being written")
}

// Decrypt runs the decryption generator; the result is (H, W, 3) interleaved, 8 bits a sample.
func (s *Session) Decrypt(ctx context.Context, c Cipher, seed keyed.Seed) ([]byte, error) {
	panic("being written")
}
