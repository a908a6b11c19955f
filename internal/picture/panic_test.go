package picture

import (
	"errors"
	"testing"
)

// A reader that panics, in a header or in the samples, ends in ErrCorrupt.
func TestPanicIsCorrupt(t *testing.T) {
	before := formats
	defer func() { formats = before }()
	file := []byte("panic")
	limits := Limits{Bytes: 100, Pixels: 100}
	panics := func([]byte) (*Picture, error) { panic("decode") }
	size := func([]byte) (int, int, error) { return 1, 1, nil }
	for _, f := range []format{
		{"a size", []string{"panic"}, nil, nil, func([]byte) (int, int, error) { panic("size") }, panics},
		{"samples", []string{"panic"}, nil, nil, size, panics},
	} {
		formats = []format{f}
		if _, err := Decode(file, limits); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Decode, panic in %s: %v", f.name, err)
		}
		if _, _, err := Size(file, limits); f.name == "a size" && !errors.Is(err, ErrCorrupt) {
			t.Errorf("Size, panic in %s: %v", f.name, err)
		}
	}
	err := error(nil)
	func() {
		defer corruptIfPanic("metadata", &err)
		panic("metadata")
	}()
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("panic in metadata: %v", err)
	}
}
