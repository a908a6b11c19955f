package evaluation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"enciphergan/internal/training"
)

// The bounds of a journal that is read.
const (
	maxJournalBytes  = 64 << 20
	maxJournalLine   = 1 << 20
	maxJournalPoints = 100_000
)

// Curves are how a training went, from its run's journal.
type Curves struct {
	Name   string  `json:"name"`
	Points []entry `json:"points"`
}

type entry = training.Entry

// ReadCurves reads a journal.jsonl of encipher train. A last line that is still
// being written is left out.
func ReadCurves(name string, r io.Reader) (Curves, error) {
	c := Curves{Name: name}
	bounded := &io.LimitedReader{R: r, N: maxJournalBytes + 1}
	lines := bufio.NewReaderSize(bounded, maxJournalLine)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case err == io.EOF:
			if bounded.N == 0 {
				return Curves{}, fmt.Errorf("%s is larger than %d MiB", name, maxJournalBytes>>20)
			}
			if len(c.Points) == 0 {
				return Curves{}, fmt.Errorf("%s holds no step of a training", name)
			}
			return c, nil
		case err != nil:
			return Curves{}, fmt.Errorf("%s, line %d: %w", name, number, err)
		}
		var e entry
		if err := json.NewDecoder(bytes.NewReader(line)).Decode(&e); err != nil {
			return Curves{}, fmt.Errorf("%s, line %d: %w", name, number, err)
		}
		if len(c.Points) == maxJournalPoints {
			return Curves{}, fmt.Errorf("%s has more than %d lines", name, maxJournalPoints)
		}
		c.Points = append(c.Points, e)
	}
}
