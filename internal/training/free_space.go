package training

import (
	"errors"
	"fmt"
	"path/filepath"

	"gorgonia.org/gorgonia"
)

// graphBytes returns the memory of all values of a graph that the tape machine runs.
func graphBytes(g *gorgonia.ExprGraph) (bytes int64) {
	for _, n := range g.AllNodes() {
		bytes += int64(max(1, n.Shape().TotalSize())) * 4
	}
	return bytes
}

// ErrNoSpace is returned for a run that needs more memory or disk space than the machine has.
var ErrNoSpace = errors.New("not enough space")

// checkSpace compares the needs of a run with the free memory and disk space, where
// the system reports them.
func (r *Run) checkSpace(memory int64) error {
	c := r.Config
	r.observer.Message(fmt.Sprintf("a step of %d crops of %d x %d takes about %d MB of memory", c.Batch, c.Crop, c.Crop, memory>>20))
	if free := freeMemory(); free > 0 && memory > free {
		return fmt.Errorf("%w: a step takes about %d MB of memory and %d MB are free: choose a smaller -batch or -crop", ErrNoSpace, memory>>20, free>>20)
	}
	state, err := r.state()
	if err != nil {
		return err
	}
	var floats int64
	for _, t := range state.Tensors {
		floats += int64(len(t.Data))
	}
	// Weights and two moments each, twice while a checkpoint is replaced, the best
	// checkpoint, models and samples.
	need := 4*3*floats*3 + 64<<20
	if free := freeDisk(filepath.Clean(r.folder)); free > 0 && need > free {
		return fmt.Errorf("%w: the run writes about %d MB and %d MB are free in %s: free some space, or choose another folder", ErrNoSpace, need>>20, free>>20, r.folder)
	}
	return nil
}
