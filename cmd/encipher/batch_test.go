package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tiffimage "golang.org/x/image/tiff"

	"enciphergan"
)

func TestNaming(t *testing.T) {
	pictures, files := decryption{}, decryption{original: true}
	for _, c := range []struct{ picture, cipher, back, original string }{
		{"photo.jpg", "photo.jpg.cipher.png", "photo.jpg.png", "photo.jpg"},
		{"photo.png", "photo.png.cipher.png", "photo.png", "photo.png"},
		{"a/b/photo.PNG", "a/b/photo.PNG.cipher.png", "a/b/photo.PNG", "a/b/photo.PNG"},
		{"photo", "photo.cipher.png", "photo.png", "photo"},
		{"photo", "photo.CIPHER.PNG", "photo.png", "photo"},
	} {
		if got := c.picture + cipherSuffix; !strings.EqualFold(got, c.cipher) {
			t.Errorf("%s becomes %s, want %s", c.picture, got, c.cipher)
		}
		if got := pictures.rename(c.cipher); got != c.back {
			t.Errorf("%s becomes %s, want %s", c.cipher, got, c.back)
		}
		if got := files.rename(c.cipher); got != c.original {
			t.Errorf("%s becomes %s, want the original's %s", c.cipher, got, c.original)
		}
		if !isCipher(c.cipher) || isPicture(c.cipher) {
			t.Errorf("%s is not taken for a cipher image", c.cipher)
		}
	}
	for _, name := range []string{"photo.png", ".cipher.png", "cipher.png", "photo.cipher.jpeg"} {
		if isCipher(name) {
			t.Errorf("%s is taken for a cipher image", name)
		}
	}
	// A file given by itself may have any name. A picture may be a copy, made for messengers.
	for name, want := range map[string]string{"noise.png": "noise.png.png", "noise.jpg": "noise.jpg.png", "noise": "noise.png"} {
		if got := pictures.rename(name); got != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
}

// TestShards checks that each path is in one shard, the same on every machine and in every
// version of the program, as the parts of one batch may run with different versions.
func TestShards(t *testing.T) {
	for path, want := range map[string]uint32{"a.jpg": 1, "folder/b.jpg": 1, "folder/ä.png": 0} {
		if got := shardOf(path, 4); got != want {
			t.Errorf("%q falls into shard %d of 4, want %d", path, got, want)
		}
	}
	var counts [8]int
	for i := range 8000 {
		counts[shardOf(fmt.Sprintf("%04d.jpg", i), 8)]++
	}
	for i, n := range counts {
		if n < 800 || n > 1200 {
			t.Errorf("shard %d of 8 has %d of 8000 pictures", i, n)
		}
	}
}

// TestMemoryBound checks that pictures are processed at the same time as long as their costs stay within
// -memory, and one with a larger cost alone. Each takes a second of the clock of synctest, which advances only
// while all goroutines wait.
func TestMemoryBound(t *testing.T) {
	const most = 100
	for _, c := range []struct {
		costs            []int64
		fastest, slowest time.Duration // over all orders
	}{
		{[]int64{40, 50}, 1 * time.Second, 1 * time.Second},
		{[]int64{25, 25, 25, 25}, 1 * time.Second, 1 * time.Second},
		{[]int64{51, 50}, 2 * time.Second, 2 * time.Second},
		{[]int64{500, 1, 100}, 3 * time.Second, 3 * time.Second},
		{[]int64{40, 50, 70, 500, 10, 30, 100, 101, 1, 60}, 6 * time.Second, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &batch{jobs: 4, memory: most, quiet: true}
			for n, cost := range c.costs {
				b.items = append(b.items, item{in: fmt.Sprint(n), cost: &encipher.Cost{MemoryBytes: cost}})
			}
			var mu sync.Mutex
			var now int64
			count, start := 0, time.Now()
			err := b.run(t.Context(), nil, func(_ context.Context, i item, _ encipher.Progress, _ int) (*result, error) {
				cost := i.cost.MemoryBytes
				mu.Lock()
				if now > 0 && now+cost > most {
					t.Errorf("%d bytes are taken beside %d, over the bound of %d", cost, now, most)
				}
				now += cost
				count++
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				now -= cost
				mu.Unlock()
				return &result{}, nil
			})
			if err != nil || count != len(c.costs) {
				t.Errorf("%v: %d pictures: %v", c.costs, count, err)
			}
			if took := time.Since(start); took < c.fastest || took > c.slowest {
				t.Errorf("%v: took %v, want %v to %v", c.costs, took, c.fastest, c.slowest)
			}
		})
	}
}

// TestCost checks that costOf finds the size of a picture anywhere in its file.
func TestCost(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	m, err := openModel(t.Context(), nil, filepath.Join(dir, "model"))
	if err != nil {
		t.Fatal(err)
	}
	picture := image.NewRGBA(image.Rect(0, 0, 600, 400))
	var tiff bytes.Buffer // its directory follows a megabyte of samples
	if err := tiffimage.Encode(&tiff, picture, nil); err != nil {
		t.Fatal(err)
	}
	var plain, late bytes.Buffer // a JPEG, and the same with 40 comment segments before the size
	if err := jpeg.Encode(&plain, picture, nil); err != nil {
		t.Fatal(err)
	}
	late.Write(plain.Bytes()[:2])
	for range 40 {
		late.WriteString("\xff\xfe\xff\xff")
		late.Write(make([]byte, 65533))
	}
	late.Write(plain.Bytes()[2:])
	want := costOf(m.Estimate, "", 1, 0)
	if want != (encipher.Cost{}) {
		t.Errorf("no file costs %+v", want)
	}
	for name, file := range map[string][]byte{"tiff": tiff.Bytes(), "jpeg": plain.Bytes(), "late": late.Bytes()} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		whole, err := m.Estimate(file, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := costOf(m.Estimate, path, 1, 0); got.Width != 600 || got.MemoryBytes != whole.MemoryBytes+int64(len(file)) {
			t.Errorf("%s: %+v, want %+v and the file", name, got, whole)
		}
		for _, derives := range []int64{encipher.MaxPassphraseMemory, 1 << 40, 1} {
			if got := costOf(m.Estimate, path, 1, derives); got.MemoryBytes != max(whole.MemoryBytes, derives)+int64(len(file)) {
				t.Errorf("%s, with %d bytes for its key: %+v", name, derives, got)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := costOf(m.Estimate, filepath.Join(dir, "text"), 1, encipher.MaxPassphraseMemory); got != (encipher.Cost{}) {
		t.Errorf("no picture costs %+v", got)
	}
}
