package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// photoName is the row of a photo of a camera's size, with the command line.
const photoName = "12 megapixels, command line"

// photo prints seconds and peak memory of encrypting and decrypting a JPEG of 4000 x
// 3000 pixels with the default model, including reading and writing of files.
func photo(ctx context.Context, to io.Writer) error {
	dir, err := os.MkdirTemp("", "encipher-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", at("encipher"), "./cmd/encipher").CombinedOutput(); err != nil {
		return fmt.Errorf("building the command line: %w: %s", err, out)
	}
	if err := writePhoto(at("photo.jpg"), 4000, 3000); err != nil {
		return err
	}
	program := func(arguments ...string) (time.Duration, int64, error) {
		c := exec.CommandContext(ctx, at("encipher"), arguments...)
		start := time.Now()
		out, err := c.CombinedOutput()
		took := time.Since(start)
		if err != nil {
			return 0, 0, fmt.Errorf("encipher %s: %w: %s", arguments[0], err, out)
		}
		var peak int64
		if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = u.Maxrss << 10
		}
		return took, peak, nil
	}
	if _, _, err := program("key", "new", "-o", at("key")); err != nil {
		return err
	}
	for _, step := range [][]string{
		{"encrypt", "-key", at("key"), "-o", at("cipher.png"), at("photo.jpg")},
		{"decrypt", "-key", at("key"), "-o", at("back.png"), at("cipher.png")},
	} {
		took, peak, err := program(step...)
		if err != nil {
			return err
		}
		fmt.Fprintf(to, "%s, %s: %.1f s, peak memory %d MB\n", photoName, step[0], took.Seconds(), peak/1e6)
	}
	return nil
}

// writePhoto writes a JPEG with smooth parts, edges and grain, always the same.
func writePhoto(path string, width, height int) error {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			wave := math.Sin(float64(x)/210) * math.Cos(float64(y)/170)
			if (x/400+y/300)%3 == 0 {
				wave = -wave
			}
			level := 128 + 80*wave
			m.SetRGBA(x, y, color.RGBA{uint8(level + 6*r.Float64()), uint8(level*0.8 + 6*r.Float64()), uint8(200 - level/2 + 6*r.Float64()), 255})
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := jpeg.Encode(f, m, &jpeg.Options{Quality: 92}); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
