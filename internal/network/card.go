package network

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"enciphergan/internal/digest"
	"enciphergan/internal/onnx"
)

// The files of a model directory and their largest sizes in bytes.
const (
	cardFile       = "card.json"
	encryptionFile = "encryption.onnx"
	decryptionFile = "decryption.onnx"

	MaxCardBytes      = 1 << 20
	MaxGeneratorBytes = 64 << 20

	// MaxSealedBytes bounds a sealed model: the files, and one megabyte for the
	// archive and the recipients.
	MaxSealedBytes = MaxCardBytes + 2*MaxGeneratorBytes + 1<<20
)

// cardVersion is the version of the card's format.
const cardVersion = 1

// Card is a model card: it describes a model, its training and its quality.
type Card struct {
	Version    int        `json:"version"`
	Name       string     `json:"name"`
	Definition Definition `json:"definition"`
	Note       string     `json:"note,omitempty"` // purpose of a model that is not for everyday use
	Training   *Training  `json:"training,omitempty"`
	// Figures are measured on held-out tiles, each at its own kappa.
	Figures []Figures `json:"figures,omitempty"`
	// The SHA-256 of the two generators, in hexadecimal.
	Encryption string `json:"encryption_sha256"`
	Decryption string `json:"decryption_sha256"`
}

// Training describes how a model was trained.
type Training struct {
	Data    string `json:"data"` // description of the photos and how to get them
	Photos  int    `json:"photos"`
	Seed    uint64 `json:"seed"`
	Steps   int    `json:"steps"`
	Command string `json:"command"`
	Backend string `json:"backend"` // arithmetic of the training run
}

// StartSet occurs in Figures.Set, after the name of the start, where a model was measured before any training step.
const StartSet = "start, test split"

// Figures are the quality of the bare neural cipher on a set of tiles.
type Figures struct {
	Set         string  `json:"set"` // the tiles that were measured
	Tiles       int     `json:"tiles"`
	Kappa       float32 `json:"kappa,omitempty"`
	PSNRMean    float64 `json:"psnr_mean_db"`
	PSNRMin     float64 `json:"psnr_min_db"`
	SSIM        float64 `json:"ssim_mean"`
	Entropy     float64 `json:"cipher_entropy_bits"`
	Correlation float64 `json:"cipher_mean_abs_correlation"`
	Residual    float64 `json:"residual_percent_of_raw"` // order-0 entropy of plain minus recovered
}

// Files are the three parts of a model directory, as bytes: card.json,
// encryption.onnx and decryption.onnx.
type Files struct {
	Card       []byte
	Encryption []byte
	Decryption []byte
}

// ReadFiles reads a model directory. It reads no file beyond its size limit.
func ReadFiles(dir fs.FS) (Files, error) {
	var f Files
	for _, part := range []struct {
		name string
		max  int64
		into *[]byte
	}{{cardFile, MaxCardBytes, &f.Card}, {encryptionFile, MaxGeneratorBytes, &f.Encryption}, {decryptionFile, MaxGeneratorBytes, &f.Decryption}} {
		data, err := readBounded(dir, part.name, part.max)
		if err != nil {
			return Files{}, fmt.Errorf("a model directory needs %s, %s and %s: %w", cardFile, encryptionFile, decryptionFile, err)
		}
		*part.into = data
	}
	return f, nil
}

func readBounded(dir fs.FS, name string, maxBytes int64) ([]byte, error) {
	file, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > maxBytes {
		return nil, fmt.Errorf("%s is larger than the maximum of %d bytes", name, maxBytes)
	}
	return data, nil
}

// NewFiles exports both generators and returns the files of a model. It sets the version, definition
// and checksums of the card.
func NewFiles(d Definition, card Card, encryption, decryption *Weights) (Files, error) {
	enc, dec, err := Export(d, encryption, decryption)
	if err != nil {
		return Files{}, err
	}
	card.Version, card.Definition = cardVersion, d
	card.Encryption, card.Decryption = checksum(enc), checksum(dec)
	return WithCard(Files{Encryption: enc, Decryption: dec}, card)
}

// WithCard returns f with another card. The checksums of the card must match the generators.
func WithCard(f Files, card Card) (Files, error) {
	text, err := json.MarshalIndent(card, "", "  ")
	if err != nil {
		return f, err
	}
	f.Card = append(text, '\n')
	return f, nil
}

// Halved returns the model with the weights of its convolutions in half precision: a different
// model with its own fingerprint. Matrices that decryption inverts, tables and the statistics
// of batch norms do not change. An empty name leaves the name of the card.
func Halved(f Files, name string) (Files, error) {
	card, err := parseCard(f.Card)
	if err != nil {
		return f, err
	}
	weights := func(name string, elements int) bool { return elements >= 64 && strings.HasSuffix(name, ".weight") }
	for _, part := range []struct {
		name     string
		data     *[]byte
		checksum *string
	}{{encryptionFile, &f.Encryption, &card.Encryption}, {decryptionFile, &f.Decryption, &card.Decryption}} {
		if *part.data, err = onnx.Halve(*part.data, onnx.DefaultLimits(), weights); err != nil {
			return f, fmt.Errorf("%s: %w", part.name, err)
		}
		*part.checksum = checksum(*part.data)
	}
	if name != "" {
		card.Name = name
	}
	// The figures were measured with the original weights; only those of the start of training remain.
	card.Figures = slices.DeleteFunc(card.Figures, func(f Figures) bool { return !strings.Contains(f.Set, StartSet) })
	if card.Training != nil {
		card.Training.Command += "; encipher model half"
	}
	return WithCard(f, card)
}

// File is one file of a model directory.
type File struct {
	Name string
	Data []byte
}

// List returns the files in the order in which they must be written, the card last.
func (f Files) List() []File {
	return []File{{encryptionFile, f.Encryption}, {decryptionFile, f.Decryption}, {cardFile, f.Card}}
}

func checksum(data []byte) string {
	sum := digest.SHA256(data)
	return hex.EncodeToString(sum[:])
}

func parseCard(data []byte) (Card, error) {
	var c Card
	if len(data) > MaxCardBytes {
		return c, fmt.Errorf("%s is larger than the maximum of %d bytes", cardFile, MaxCardBytes)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("%s is not a model card: %w", cardFile, err)
	}
	if c.Version != cardVersion {
		return c, fmt.Errorf("%s has version %d, this program reads version %d", cardFile, c.Version, cardVersion)
	}
	return c, c.Definition.Validate()
}
