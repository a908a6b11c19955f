// Package journal writes and reads the journal of a training run: a file with
// one JSON object a line, one line a validation.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"enciphergan/internal/atomicfile"
)

// Entry is one line of a journal. Its losses are means over the steps since the
// line before or the last resumption, by name, as a run may leave terms out.
type Entry struct {
	Step             int                `json:"step"` // completed steps
	Losses           map[string]float64 `json:"losses"`
	LearningRate     float64            `json:"learning_rate"`
	Validation       *Validation        `json:"validation,omitempty"`
	Seconds          float64            `json:"seconds"` // of training, over all resumptions
	SamplesPerSecond float64            `json:"samples_per_second"`
}

// Validation holds the figures of the validation tiles.
type Validation struct {
	PSNR        float64 `json:"psnr"`         // mean over tiles in dB, see metric.BoundedPSNR
	MinimumPSNR float64 `json:"psnr_minimum"` // of the worst tile
	SSIM        float64 `json:"ssim"`
	Entropy     float64 `json:"entropy"`     // of the neural cipher, bits a sample
	Correlation float64 `json:"correlation"` // mean absolute, of neighbouring samples of the neural cipher
}

// Journal appends lines to a file.
type Journal struct {
	file *os.File
}

const maxBytes = 1 << 30 // of a journal that a run continues

// Open opens the journal of a run that continues after the given step; -1 begins
// a new one. It removes lines of later steps, which the run will write again, and a
// last line that a crash left unfinished, in one atomic replacement of the file.
func Open(path string, step int) (*Journal, error) {
	if err := truncate(path, step); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	return &Journal{file}, nil
}

func truncate(path string, step int) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return err
	}
	if len(content) > maxBytes {
		return fmt.Errorf("%s is larger than %d MiB: move it away to begin a new one", path, maxBytes>>20)
	}
	var valid []byte
	for line := range bytes.Lines(content) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		var entry Entry
		if err := json.Unmarshal(line, &entry); err != nil {
			return fmt.Errorf("%s is not the journal of a training run: move it away to begin a new one: %w", path, err)
		}
		if entry.Step <= step {
			valid = append(valid, line...)
		}
	}
	if len(valid) == len(content) {
		return nil
	}
	return atomicfile.Write(path, valid, 0o666)
}

// Write appends one line. Figures must be finite.
func (j *Journal) Write(entry Entry) error {
	line, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	// One write a line, so that a crash leaves at most the last one unfinished.
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// Limits of a journal that Read accepts.
const (
	maxReadBytes = 64 << 20
	maxLine      = 1 << 20
	maxLines     = 100_000
)

// Read reads a journal. It leaves out a last line without an end, which is still
// being written.
func Read(r io.Reader) ([]Entry, error) {
	var entries []Entry
	bounded := &io.LimitedReader{R: r, N: maxReadBytes + 1}
	lines := bufio.NewReaderSize(bounded, maxLine)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case err == io.EOF && bounded.N == 0:
			return nil, fmt.Errorf("larger than %d MiB", maxReadBytes>>20)
		case err == io.EOF && len(entries) == 0:
			return nil, errors.New("no line of a training run")
		case err == io.EOF:
			return entries, nil
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", number, err)
		case number > maxLines:
			return nil, fmt.Errorf("more than %d lines", maxLines)
		}
		var e Entry
		if err := json.NewDecoder(bytes.NewReader(line)).Decode(&e); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		entries = append(entries, e)
	}
}
