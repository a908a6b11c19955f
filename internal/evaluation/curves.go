package evaluation

import (
	"fmt"
	"io"

	"enciphergan/internal/training/journal"
)

// Curves are the journal of a training run, to be plotted.
type Curves struct {
	Name   string          `json:"name"`
	Points []journal.Entry `json:"points"`
}

// ReadCurves reads a journal.jsonl of encipher train.
func ReadCurves(name string, r io.Reader) (Curves, error) {
	points, err := journal.Read(r)
	if err != nil {
		return Curves{}, fmt.Errorf("%s: %w", name, err)
	}
	return Curves{name, points}, nil
}
