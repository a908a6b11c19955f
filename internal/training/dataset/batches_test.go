package dataset

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"
)

func TestBatchesDependOnStepOnly(t *testing.T) {
	photos := photoSet(5, 50, 40)
	options := BatchOptions{Seed: 3, Size: 4, Crop: 16, Scale: true, Workers: 1}
	one := drain(t, photos, 0, 9, options)
	options.Workers = 4
	if many := drain(t, photos, 0, 9, options); !slices.EqualFunc(one, many, sameBatch) {
		t.Error("batches depend on the number of workers")
	}
	if resumed := drain(t, photos, 5, 4, options); !slices.EqualFunc(one[5:], resumed, sameBatch) {
		t.Error("batches after a resumption differ")
	}
	if sameBatch(one[0], Batch{Plain: one[1].Plain, Target: one[1].Target}) {
		t.Error("two steps have one batch")
	}
	options.Seed++
	if other := drain(t, photos, 0, 1, options); slices.Equal(other[0].Plain, one[0].Plain) || slices.Equal(other[0].Target, one[0].Target) {
		t.Error("two seeds have one batch")
	}
}

func drain(t *testing.T, photos []Photo, first, count int, options BatchOptions) []Batch {
	t.Helper()
	batches, err := NewBatches(photos, first, options)
	if err != nil {
		t.Fatal(err)
	}
	defer batches.Close()
	var all []Batch
	for i := range count {
		batch, err := batches.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if batch.Step != first+i {
			t.Fatalf("step %d came at the place of %d", batch.Step, first+i)
		}
		all = append(all, batch)
	}
	return all
}

func sameBatch(a, b Batch) bool {
	return a.Step == b.Step && slices.Equal(a.Plain, b.Plain) && slices.Equal(a.Target, b.Target)
}

func TestBatchContent(t *testing.T) {
	const size, side = 6, 16
	photos := photoSet(1, 40, 30)
	batch := drain(t, photos, 0, 1, BatchOptions{Seed: 1, Size: size, Crop: side})[0]
	if len(batch.Plain) != size*3*side*side || len(batch.Target) != len(batch.Plain) {
		t.Fatalf("%d and %d values", len(batch.Plain), len(batch.Target))
	}
	// Without scaling every pixel of a crop is a pixel of the photo.
	pixels := map[[3]byte]bool{}
	for i := 0; i < len(photos[0].RGB); i += 3 {
		pixels[[3]byte(photos[0].RGB[i:])] = true
	}
	const area = side * side
	for n := range size {
		for i := range area {
			var pixel [3]byte
			for c := range pixel {
				level := (float64(batch.Plain[(n*3+c)*area+i]) + 1) * 127.5
				if math.Abs(level-math.Round(level)) > 1e-4 {
					t.Fatalf("%g is no 8-bit level", level)
				}
				pixel[c] = byte(math.Round(level))
			}
			if !pixels[pixel] {
				t.Fatalf("crop %d pixel %d: %v is not in the photo", n, i, pixel)
			}
		}
	}
	// Uniform bytes read back as (k + .5)/128 - 1: mean 0, variance (1 - 2^-16)/3.
	var sum, squares float64
	for _, v := range batch.Target {
		level := (float64(v)+1)*128 - .5
		if level != math.Round(level) || level < 0 || level > 255 {
			t.Fatalf("target %g is no quantised level", v)
		}
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(batch.Target))
	if mean := sum / n; math.Abs(mean) > .05 {
		t.Errorf("mean of the target %g", mean)
	}
	if variance := squares / n; math.Abs(variance-1./3) > .03 {
		t.Errorf("variance of the target %g", variance)
	}
}

func TestBatchesWithTargetImages(t *testing.T) {
	target := Target{Images: photoSet(1, 20, 20)}
	for i := range target.Images[0].RGB {
		target.Images[0].RGB[i] = 200
	}
	batch := drain(t, photoSet(2, 20, 20), 0, 1, BatchOptions{Size: 2, Crop: 8, Target: target})[0]
	for _, v := range batch.Target {
		if want := float32((200+.5)/128 - 1); v != want {
			t.Fatalf("target %g, want %g", v, want)
		}
	}
}

func TestOrient(t *testing.T) {
	crop := []byte{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4} // 1 2 / 3 4
	for _, test := range []struct {
		mirror, flip, transpose bool
		want                    [4]byte
	}{
		{false, false, false, [4]byte{1, 2, 3, 4}},
		{true, false, false, [4]byte{2, 1, 4, 3}},
		{false, true, false, [4]byte{3, 4, 1, 2}},
		{false, false, true, [4]byte{1, 3, 2, 4}},
		{true, true, true, [4]byte{4, 2, 3, 1}},
		{true, false, true, [4]byte{2, 4, 1, 3}},
	} {
		got := orient(crop, 2, test.mirror, test.flip, test.transpose)
		want := make([]byte, 0, 12)
		for _, v := range test.want {
			want = append(want, v, v, v)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}

// TestRandomCropReachesAll checks that crops come from every photo, reach both edges
// and are scaled.
func TestRandomCropReachesAll(t *testing.T) {
	photos := photoSet(3, 12, 11)
	for i := range photos {
		for at := range len(photos[i].RGB) / 3 {
			photos[i].RGB[3*at], photos[i].RGB[3*at+1], photos[i].RGB[3*at+2] = byte(80*i), byte(at%12), byte(at/12)
		}
	}
	const seed = 5
	t.Logf("seed %d", seed)
	r := Stream(seed, 0, "test")
	seen := map[byte]bool{}
	var widest, tallest byte
	for range 500 {
		crop := randomCrop(r, photos, 8, false)
		seen[crop[0]] = true
		for at := 0; at < len(crop); at += 3 {
			widest, tallest = max(widest, crop[at+1]), max(tallest, crop[at+2])
		}
	}
	if len(seen) != 3 || widest != 11 || tallest != 10 {
		t.Errorf("photos %v, last column %d, last row %d", seen, widest, tallest)
	}
	for range 200 {
		if crop := randomCrop(r, photos, 8, true); len(crop) != 3*8*8 {
			t.Fatalf("scaled crop of %d bytes", len(crop))
		}
	}
}

func TestBatchesErrors(t *testing.T) {
	photos := photoSet(2, 20, 20)
	if _, err := NewBatches(photos, 0, BatchOptions{Size: 1, Crop: 21}); err == nil {
		t.Error("crops larger than photos were accepted")
	}
	if _, err := NewBatches(photos, 0, BatchOptions{Size: 0, Crop: 8}); err == nil {
		t.Error("empty batches were accepted")
	}
	if _, err := NewBatches(nil, 0, BatchOptions{Size: 1, Crop: 8}); !errors.Is(err, ErrNoPhotos) {
		t.Errorf("no photos: %v", err)
	}
	batches, err := NewBatches(photos, 0, BatchOptions{Size: 1, Crop: 8, Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for range 50 { // a batch may be ready at the same moment
		if _, err = batches.Next(canceled); err != nil {
			break
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	batches.Close()
	batches.Close()
	if _, err := batches.Next(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestStream pins the derivation, on which resuming runs of earlier builds rests.
func TestStream(t *testing.T) {
	r := Stream(1, 2, "crop")
	got := [3]uint64{r.Uint64(), r.Uint64(), r.Uint64()}
	if want := [3]uint64{0xb98cb9a18d8e0722, 0x7556c4dc9e0eee10, 0xb7646bb3ab353b32}; got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
	for _, other := range []uint64{Stream(2, 2, "crop").Uint64(), Stream(1, 3, "crop").Uint64(), Stream(1, 2, "target").Uint64()} {
		if other == got[0] {
			t.Error("seed, step or purpose does not count")
		}
	}
}
