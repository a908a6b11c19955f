//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadOnlyFolder runs the program as a user without permission for a folder: as nobody if
// the tests run as root, which permissions do not restrict.
func TestReadOnlyFolder(t *testing.T) {
	dir, err := os.MkdirTemp("", "encipher-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	writeModels(t, dir)
	writePictures(t, dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	if exit := run([]string{"encipher", "key", "new", "-o", at("a.key")}); exit != 0 {
		t.Fatalf("key new exits %d", exit)
	}
	for _, name := range []string{"closed", "unlisted"} {
		if err := os.Mkdir(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(at("encipher"), binary, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	picture, err := os.ReadFile(at("photo.png"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && os.Getuid() == 0 {
			err = os.Chown(path, nobody, nobody)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"closed": 0o500, "unlisted": 0o300} {
		if err := os.Chmod(at(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		out  string
		in   string
		exit int
		says string
	}{
		{at("closed") + "/", at("photo.png"), exitFailure, at("closed") + "/: cannot write there: permission denied"},
		{at("closed") + "/new/", at("photo.png"), exitFailure, at("closed") + "/new/: cannot write there: permission denied"},
		{at("closed") + "/new.png", at("photo.png"), exitFailure, at("closed") + "/new.png: cannot write: permission denied"},
		{at("out") + "/", at("unlisted"), exitInput, at("unlisted") + ": cannot read the folder: permission denied"},
	} {
		var stderr strings.Builder
		p := program(t, &stderr, "encrypt", "-key", at("a.key"), "-model", at("model"), "-o", c.out, c.in)
		p.Path, p.Dir = at("encipher"), dir
		if os.Getuid() == 0 {
			p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		p.Run()
		if exit := p.ProcessState.ExitCode(); exit != c.exit || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("-o %s %s: exit code %d, want %d, %q", c.out, c.in, exit, c.exit, stderr.String())
		}
	}
	// A folder of a tree that cannot be listed is reported, and the rest is done. A hidden
	// folder is not opened.
	for _, c := range []struct {
		closed []string
		exit   int
		says   string
	}{
		{[]string{"tree/.Trash-0"}, 0, "1 done, 0 skipped, 0 failed"},
		{[]string{"tree/.Trash-0", "tree/lost+found"}, exitPartial, "failed: tree/lost+found: cannot read the folder: permission denied"},
	} {
		for _, name := range append([]string{"tree"}, c.closed...) {
			if err := os.MkdirAll(at(name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(at("tree/photo.png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at("tree"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range c.closed {
			if err := os.Chmod(at(name), 0); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{
			{"encrypt", "-key", at("a.key"), "-model", at("model"), "-f", "-o", at("out") + "/", "tree"},
			{"info", "-json", "tree"},
		} {
			var stdout, stderr strings.Builder
			p := program(t, &stderr, args...)
			p.Path, p.Dir, p.Stdout = at("encipher"), dir, &stdout
			if os.Getuid() == 0 {
				p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			p.Run()
			exit := p.ProcessState.ExitCode()
			if args[0] == "encrypt" {
				if exit != c.exit || !strings.Contains(stderr.String(), c.says) {
					t.Errorf("%q: exit code %d, want %d, %q", c.closed, exit, c.exit, stderr.String())
				}
				if _, err := os.Stat(at("out/photo.png.cipher.png")); err != nil {
					t.Error(err)
				}
				if err := os.Remove(at("out/photo.png.cipher.png")); err != nil {
					t.Error(err)
				}
				continue
			}
			for _, name := range c.closed {
				if !strings.Contains(stdout.String(), `{"input":"`+name+`",`) {
					t.Errorf("info does not name %s: %s", name, &stdout)
				}
			}
		}
		for _, name := range c.closed { // to let the folder be removed
			if err := os.Chmod(at(name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	if left, err := os.ReadDir(at("closed")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// withPipe creates a folder with models, pictures, a key and a named pipe. It returns a function from a name to
// its path in the folder.
func withPipe(t *testing.T, name string) (at func(string) string) {
	t.Helper()
	dir := t.TempDir()
	writeModels(t, dir)
	writePictures(t, dir)
	at = func(name string) string { return filepath.Join(dir, name) }
	if exit := run([]string{"encipher", "key", "new", "-o", at("a.key")}); exit != 0 {
		t.Fatalf("key new exits %d", exit)
	}
	if err := syscall.Mkfifo(at(name), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// interrupted starts a program, sends it a signal when it reads from a pipe, and waits for its end. Nothing is
// written to the pipe.
func interrupted(t *testing.T, c *exec.Cmd, pipe string, signal os.Signal) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		c.Wait()
		close(ended)
	}()
	for {
		select {
		case <-ended:
			t.Fatalf("the program ended before it read from %s: %s\n%s", pipe, c.ProcessState, c.Stderr)
		case <-time.After(time.Millisecond):
		}
		// Opening a pipe to write without blocking fails with ENXIO as long as nothing reads from it.
		if w, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			defer w.Close()
			break
		} else if !errors.Is(err, syscall.ENXIO) {
			t.Fatal(err)
		}
	}
	if err := c.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// TestInterrupt sends the program a signal while it waits for a picture from a
// pipe.
func TestInterrupt(t *testing.T) {
	at := withPipe(t, "pipe")
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		var stderr strings.Builder
		c := program(t, &stderr, "encrypt", "-key", at("a.key"), "-model", at("model"), "-o", at("out.png"), at("pipe"))
		interrupted(t, c, at("pipe"), signal)
		if exit := c.ProcessState.ExitCode(); exit != exitInterrupted || !strings.Contains(stderr.String(), "interrupted, nothing was written") {
			t.Errorf("%v: exit code %d, %q", signal, exit, stderr.String())
		}
		if left, _ := filepath.Glob(at("*out*")); left != nil {
			t.Errorf("%v: left behind: %v", signal, left)
		}
		if left, _ := filepath.Glob(at(".encipher*")); left != nil {
			t.Errorf("%v: left behind: %v", signal, left)
		}
	}
}

// TestInterruptedBatch interrupts a batch after its first picture, while it reads the
// second from a pipe, and runs it again with -resume.
func TestInterruptedBatch(t *testing.T) {
	at := withPipe(t, "pipe.png")
	args := []string{"encrypt", "-key", at("a.key"), "-model", at("model"), "-json", "-o", at("out") + "/", at("photo.jpg"), at("pipe.png"), at("tiles.png")}

	var stdout, stderr strings.Builder
	c := program(t, &stderr, args...)
	c.Stdout = &stdout
	interrupted(t, c, at("pipe.png"), os.Interrupt)
	if exit := c.ProcessState.ExitCode(); exit != exitInterrupted || !strings.Contains(stderr.String(), "interrupted, 1 of 3 pictures done; the same command with -resume continues") {
		t.Errorf("exit code %d, %q", exit, stderr.String())
	}
	if got := stdout.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"status":"done"`) {
		t.Errorf("results %q", got)
	}
	if left, err := filepath.Glob(at("out/*")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "photo.jpg.cipher.png" {
		t.Errorf("written: %v, %v", left, err)
	}
	if left, _ := filepath.Glob(at("out/.*")); left != nil {
		t.Errorf("left behind: %v", left)
	}

	if err := os.Remove(at("pipe.png")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(at("photo.png"), at("pipe.png")); err != nil {
		t.Fatal(err)
	}
	stderr.Reset()
	if err := program(t, &stderr, append(args, "-resume")...).Run(); err != nil || !strings.Contains(stderr.String(), "2 done, 1 skipped, 0 failed") {
		t.Errorf("again: %v, %q", err, stderr.String())
	}
}
