package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func exampleCheckpoint() Checkpoint {
	return Checkpoint{
		Config: json.RawMessage(`{"profile":"reversible","seed":7}`),
		Step:   1234,
		Tensors: []Tensor{
			{"weights", []int{2, 3}, []float32{1, -2, 3.5, float32(math.Inf(1)), math.SmallestNonzeroFloat32, float32(math.Copysign(0, -1))}},
			{"scalar", []int{}, []float32{42}},
			{"bias", []int{1}, []float32{-1e-20}},
		},
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.ckpt")
	for _, c := range []Checkpoint{exampleCheckpoint(), {Config: json.RawMessage("null"), Tensors: []Tensor{}}} {
		if err := Save(path, c); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, c) {
			t.Errorf("got %+v, want %+v", got, c)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestCheckpointDamaged(t *testing.T) {
	whole, err := exampleCheckpoint().encode()
	if err != nil {
		t.Fatal(err)
	}
	for length := range len(whole) {
		if _, err := decode(whole[:length]); !errors.Is(err, ErrInvalid) {
			t.Fatalf("cut to %d bytes: %v", length, err)
		}
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x10
		if _, err := decode(changed); !errors.Is(err, ErrInvalid) {
			t.Fatalf("changed at %d: %v", i, err)
		}
	}
	if _, err := decode(append(bytes.Clone(whole), 0)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a byte more: %v", err)
	}

	later := bytes.Clone(whole[:len(whole)-sha256.Size])
	later[len(magic)] = 9
	_, err = decode(sealed(later))
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("later version: %v", err)
	}
	path := filepath.Join(t.TempDir(), "bad.ckpt")
	if err := os.WriteFile(path, whole[:50], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "-resume") || !strings.Contains(err.Error(), path) {
		t.Errorf("message: %v", err)
	}
	if _, err := Load(path + ".missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// sealed appends the checksum.
func sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

// framed makes a file with a correct checksum from any header and data.
func framed(header, data []byte) []byte {
	body := append([]byte(magic), 1, 0, 0, 0)
	body = binary.LittleEndian.AppendUint32(body, uint32(len(header)))
	return sealed(append(append(body, header...), data...))
}

func TestCheckpointHostileHeader(t *testing.T) {
	for _, header := range []string{
		``, `[]`, `{"step":-1}`, `{"step":1e99}`, `{} {}`,
		`{"tensors":[{"name":"a","shape":[1000000000,1000000000]}]}`,
		`{"tensors":[{"name":"a","shape":[268435456]}]}`,
		`{"tensors":[{"name":"a","shape":[-1]}]}`,
		`{"tensors":[{"name":"a","shape":[0]}]}`,
		`{"tensors":[{"name":"","shape":[1]}]}`,
		`{"tensors":[{"name":"a","shape":[1,1,1,1,1,1,1,1,1]}]}`,
		`{"tensors":[{"name":"a","shape":[1]}]}`,
	} {
		data := make([]byte, 8)
		if _, err := decode(framed([]byte(header), data)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", header, err)
		}
	}
	if _, err := decode(framed([]byte(`{"tensors":[{"name":"a","shape":[1]},{"name":"a","shape":[1]}]}`), make([]byte, 8))); !errors.Is(err, ErrInvalid) {
		t.Errorf("a name twice: %v", err)
	}
}

func TestSaveRefuses(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "run.ckpt")
	for name, tensors := range map[string][]Tensor{
		"shape":        {{"a", []int{2}, []float32{1}}},
		"equal names":  {{"a", []int{1}, []float32{1}}, {"a", []int{1}, []float32{1}}},
		"empty tensor": {{"a", []int{0}, nil}},
	} {
		if err := Save(path, Checkpoint{Tensors: tensors}); err == nil {
			t.Errorf("%s: saved", name)
		}
	}
	if err := Save(path, Checkpoint{Config: json.RawMessage("{")}); err == nil {
		t.Error("broken config: saved")
	}
	if err := Save(filepath.Join(folder, "missing", "run.ckpt"), exampleCheckpoint()); err == nil {
		t.Error("missing folder: saved")
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("a refused save left %v", left)
	}
}

// TestFailedSaveLeavesOldFile makes the last step, renaming, fail and checks that the target is unchanged.
func TestFailedSaveLeavesOldFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "run.ckpt")
	if err := os.MkdirAll(filepath.Join(path, "occupied"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := Save(path, exampleCheckpoint()); err == nil {
		t.Fatal("a folder was replaced by a file")
	}
	if left, _ := os.ReadDir(folder); len(left) != 1 || left[0].Name() != "run.ckpt" {
		t.Errorf("left: %v", left)
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte(`{"config":{},"step":3,"tensors":[{"name":"a","shape":[2]}]}`), make([]byte, 8))
	f.Add([]byte(`{"config":null,"step":0,"tensors":[]}`), []byte{})
	f.Add([]byte(`{"tensors":[{"name":"a","shape":[4294967296,4294967296]}]}`), []byte{1})
	whole, err := exampleCheckpoint().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, []byte{})
	f.Fuzz(func(t *testing.T, header, data []byte) {
		decode(header)
		c, err := decode(framed(header, data))
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		encoded, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if again.Step != c.Step || len(again.Tensors) != len(c.Tensors) {
			t.Fatalf("%+v became %+v", c, again)
		}
		for i := range c.Tensors {
			if again.Tensors[i].Name != c.Tensors[i].Name || len(again.Tensors[i].Data) != len(c.Tensors[i].Data) {
				t.Fatalf("tensor %d changed", i)
			}
			for j, v := range c.Tensors[i].Data {
				if math.Float32bits(v) != math.Float32bits(again.Tensors[i].Data[j]) {
					t.Fatalf("tensor %d value %d changed", i, j)
				}
			}
		}
	})
}
