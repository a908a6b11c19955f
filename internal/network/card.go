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

	// MaxSealedBytes bounds a sealed model: the files, and as much as a megabyte for what
	// packs them and for its recipients.
	MaxSealedBytes = MaxCardBytes + 2*MaxGeneratorBytes + 1<<20
)

// cardVersion is the version of the card's format.
const cardVersion = 1

// Card says what a model is and where it comes from.
type Card struct {
	Version    int        `json:"version"`
	Name       string     `json:"name"`
	Definition Definition `json:"definition"`
	Note       string     `json:"note,omitempty"` // what the model is for, where it is not for everyday use
	Training   *Training  `json:"training,omitempty"`
	// Figures are measured on held-out tiles, at the kappa that each names.
	Figures []Figures `json:"figures,omitempty"`
	// The SHA-256 of the two generators, in hexadecimal.
	Encryption string `json:"encryption_sha256"`
	Decryption string `json:"decryption_sha256"`
}

// Training says how a model was trained.
type Training struct {
	Data    string `json:"data"` // what the photos are and how to get them
	Photos  int    `json:"photos"`
	Seed    uint64 `json:"seed"`
	Steps   int    `json:"steps"`
	Command string `json:"command"`
	Backend string `json:"backend"` // the arithmetic that trained it
}

// StartSet is in the Set of figures of a model before any training step, behind the name of the start.
const StartSet = "start, test split"

// Figures are the quality of the bare neural cipher on a set of tiles.
type Figures struct {
	Set         string  `json:"set"` // what was measured
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

// ReadFiles reads a model directory. Each file is bounded before it is read.
func ReadFiles(dir fs.FS) (Files, error) {
	var f Files
	for _, part := range []struct {
		name string
		most int64
		into *[]byte
	}{{cardFile, MaxCardBytes, &f.Card}, {encryptionFile, MaxGeneratorBytes, &f.Encryption}, {decryptionFile, MaxGeneratorBytes, &f.Decryption}} {
		data, err := readBounded(dir, part.name, part.most)
		if err != nil {
			return Files{}, fmt.Errorf("a model directory holds %s, %s and %s: %w", cardFile, encryptionFile, decryptionFile, err)
		}
		*part.into = data
	}
	return f, nil
}

func readBounded(dir fs.FS, name string, most int64) ([]byte, error) {
	file, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes, which no model needs", name, most)
	}
	return data, nil
}

// NewFiles makes the files of a model: the card gets the definition and the checksums.
func NewFiles(d Definition, card Card, encryption, decryption *Weights) (Files, error) {
	enc, dec, err := Export(d, encryption, decryption)
	if err != nil {
		return Files{}, err
	}
	card.Version, card.Definition = cardVersion, d
	card.Encryption, card.Decryption = checksum(enc), checksum(dec)
	return WithCard(Files{Encryption: enc, Decryption: dec}, card)
}

// WithCard is the model with another card, whose checksums must be those of its generators.
func WithCard(f Files, card Card) (Files, error) {
	text, err := json.MarshalIndent(card, "", "  ")
	if err != nil {
		return f, err
	}
	f.Card = append(text, '\n')
	return f, nil
}

// Halved is the model with the weights of its convolutions in half precision, and so
// another one, with a fingerprint of its own; the matrices whose inverses decryption
// has, tables and the statistics of batch norms stay as they are.
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
	// What was measured is of the model it was made of, but for the start of training.
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

// List names the files in the order they are to be written, the card last.
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
		return c, fmt.Errorf("%s is larger than %d bytes", cardFile, MaxCardBytes)
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
