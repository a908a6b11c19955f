package training

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"enciphergan/internal/atomicfile"
)

// Entry is one line of a run's journal: the figures of the steps since the line
// before or the last resumption, and of the validation tiles where they were measured. Losses are by
// name, as a run may leave terms out.
type Entry struct {
	Step             int                `json:"step"` // steps done
	Losses           map[string]float64 `json:"losses"`
	LearningRate     float64            `json:"learning_rate"`
	Validation       *Validation        `json:"validation,omitempty"`
	Seconds          float64            `json:"seconds"` // of training, over all resumptions
	SamplesPerSecond float64            `json:"samples_per_second"`
}

// Validation holds the figures of the held-out tiles.
type Validation struct {
	PSNR        float64 `json:"psnr"`         // mean over tiles, decibels, exact tiles bounded
	MinimumPSNR float64 `json:"psnr_minimum"` // worst tile
	SSIM        float64 `json:"ssim"`
	Entropy     float64 `json:"entropy"`     // of the bare cipher, bits a sample
	Correlation float64 `json:"correlation"` // mean absolute, of neighbouring samples of the bare cipher
}

// Journal is a file of JSON lines that a run appends to.
type Journal struct {
	file *os.File
}

const maxJournalBytes = 1 << 30

// OpenJournal opens the journal of a run that continues after the given step, 0
// for a new one. Lines of later steps, which the run will write again, and a
// last line that a crash left unfinished are cut off first, in one atomic
// replacement of the file.
func OpenJournal(path string, step int) (*Journal, error) {
	if err := cutJournal(path, step); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	return &Journal{file}, nil
}

func cutJournal(path string, step int) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	whole, err := io.ReadAll(io.LimitReader(file, maxJournalBytes+1))
	if err != nil {
		return err
	}
	if len(whole) > maxJournalBytes {
		return fmt.Errorf("%s is larger than %d MiB: move it away to begin a new one", path, maxJournalBytes>>20)
	}
	var kept []byte
	for line := range bytes.Lines(whole) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		var entry Entry
		if err := json.Unmarshal(line, &entry); err != nil {
			return fmt.Errorf("%s is no journal of a training run: move it away to begin a new one: %w", path, err)
		}
		if entry.Step <= step {
			kept = append(kept, line...)
		}
	}
	if len(kept) == len(whole) {
		return nil
	}
	return atomicfile.Write(path, kept, 0o666)
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
