package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v3"

	"enciphergan/internal/training"
	"enciphergan/internal/training/checkpoint"
)

// photos N WIDTH HEIGHT FOLDER creates a folder of N different small photos: waves
// with a little noise.
func photos(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: photos N WIDTH HEIGHT FOLDER")
	}
	var n [3]int
	for i := range n {
		var err error
		n[i], err = strconv.Atoi(args[i])
		ts.Check(err)
	}
	ts.Check(drawPhotos(ts.MkAbs(args[3]), n[0], n[1], n[2]))
}

// drawPhotos writes n different pictures into a folder.
func drawPhotos(folder string, n, width, height int) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(38, uint64(width)))
	for i := range n {
		m := image.NewNRGBA(image.Rect(0, 0, width, height))
		for y := range height {
			for x := range width {
				sample := func(c float64) uint8 {
					v := 128 + 60*math.Sin(float64(x*(i+2))/29+c) + 40*math.Cos(float64(y)*(c+1)/17+float64(i))
					return uint8(min(max(v+2*r.NormFloat64(), 0), 255))
				}
				m.SetNRGBA(x, y, color.NRGBA{sample(0), sample(1), sample(2), 255})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%dx%d-%d.png", width, height, i)), b.Bytes(), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// interrupts FILE PROGRAM ARG... runs a program, interrupts it when a file exists and
// is not empty, and checks that it exits with 130. It writes the standard error of
// the program to the file stderr.
func interrupts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupts FILE PROGRAM ARG...")
	}
	program, err := os.Executable()
	ts.Check(err)
	var said bytes.Buffer
	c := exec.Command(program, args[2:]...)
	c.Args[0], c.Dir, c.Stderr = args[1], ts.MkAbs("."), &said
	ts.Check(c.Start())
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	for signalled := false; ; {
		select {
		case <-done:
			ts.Check(os.WriteFile(ts.MkAbs("stderr"), said.Bytes(), 0o666))
			if exit := c.ProcessState.ExitCode(); !signalled || exit != exitInterrupted {
				ts.Fatalf("signalled %t, exit code %d, want %d: %s", signalled, exit, exitInterrupted, said.String())
			}
			return
		case <-time.After(time.Millisecond):
			if info, err := os.Stat(ts.MkAbs(args[0])); !signalled && err == nil && info.Size() > 0 {
				ts.Check(c.Process.Signal(os.Interrupt))
				signalled = true
			}
		}
	}
}

func TestTrainFailed(t *testing.T) {
	full := fmt.Errorf("saving the checkpoint: %w", &fs.PathError{Op: "write", Path: "run/.checkpoint.1", Err: syscall.ENOSPC})
	for _, c := range []struct {
		err   error
		exit  int
		words string
	}{
		{full, exitFailure, "run: the disk is full; no checkpoint was written yet"},
		{fmt.Errorf("%w after step 3", training.ErrInterrupted), exitInterrupted, "interrupted after step 3"},
		{fmt.Errorf("run: %w", checkpoint.ErrInvalid), exitInput, "not a usable checkpoint"},
		{training.ErrDiverged, exitFailure, "diverged"},
	} {
		got := trainFailed("run", c.err)
		if exitCode(got) != c.exit || !strings.Contains(got.Error(), c.words) {
			t.Errorf("%v becomes %v, exit code %d", c.err, got, exitCode(got))
		}
	}
	var said bytes.Buffer
	report(&said, trainFailed("run", full))
	if !strings.Contains(said.String(), "hint: free some space there, then run the same command again") {
		t.Errorf("%s", said.String())
	}
	if err := trainFailed("run", nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

// TestCommandLineRepeats checks that the command on a card has the settings of the run
// and no path. The commands are only parsed.
func TestCommandLineRepeats(t *testing.T) {
	for _, line := range []string{
		"-o run photos",
		"-o /srv/people/me/run -steps 7 -fine-tune 0 -rate 3e-4 -adversarial 0 -kappa 1 -kappa 1.5 /srv/people/me/photos",
		"-o run -profile paper -crop 64 -seed 18446744073709551615 photos",
		"-o run -target /srv/people/me/targets -target-ssim 0.3 -unshuffle 8 -couplings 2 -hidden 16 -name mine photos",
		"-o run -target targets -psnr 2 -ssim 0.5 -clip 0.5 -fine-rate 1e-6 -batch 3 -validate-every 9 photos",
		"-o run -steps 8000 photos",
	} {
		card, config := recorded(t, strings.Fields(line))
		if strings.Contains(card, "/") {
			t.Errorf("%s: %q has a path", line, card)
		}
		again, config2 := recorded(t, strings.Fields(strings.TrimPrefix(card, "encipher train ")))
		if again != card {
			t.Errorf("%s: recorded as %q, which is recorded as %q", line, card, again)
		}
		config.Target, config2.Target = filepath.Base(config.Target), filepath.Base(config2.Target)
		if config2 != config {
			t.Errorf("%s: repeated as %q\n%+v became\n%+v", line, card, config, config2)
		}
	}
	if card, _ := recorded(t, []string{"-o", "run", "-name", "it's mine", "my photos"}); !strings.HasSuffix(card, ` -name 'it'\''s mine' -o RUN 'my photos'`) {
		t.Errorf("quoted as %s", card)
	}
}

// recorded parses a command line of train and returns the command for its card.
func recorded(t *testing.T, args []string) (string, training.Config) {
	t.Helper()
	var card string
	var config training.Config
	c := trainCommand()
	c.Action = func(_ context.Context, c *cli.Command) error {
		var err error
		if config, _, err = trainConfig(c, filepath.Join(t.TempDir(), "none")); err == nil {
			card = commandLine(c, config)
		}
		return err
	}
	if err := c.Run(context.Background(), append([]string{"train"}, args...)); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return card, config
}
