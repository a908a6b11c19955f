//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A test binary with this variable writes a file, or a folder, to the path in it, and stops before it has its name.
const helper = "ATOMICFILE_TEST_WRITE"

func TestMain(m *testing.M) {
	if path := os.Getenv(helper); path != "" {
		stop := func() {
			fmt.Println("written")
			select {}
		}
		Link = func(string, string) error { stop(); return nil }
		if strings.HasSuffix(path, "folder") {
			syncFolder = func(string) { stop() }
			WriteFolder(path, []Part{{"one", []byte("secret")}, {"two", []byte("secret")}}, 0o600)
		} else {
			WriteNew(path, []byte("secret"), 0o666)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// What a living process writes is left alone and is for its owner only; what a killed one left is removed.
func TestKilledWriter(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "folder"} {
		folder := t.TempDir()
		p := exec.Command(self)
		p.Env = append(os.Environ(), helper+"="+filepath.Join(folder, name))
		out, err := p.StdoutPipe()
		if err == nil {
			err = p.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("%s: %q, %v", name, line, err)
		}
		temporaries := func() []string {
			list, err := filepath.Glob(filepath.Join(folder, ".encipher-*"))
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		Sweep(folder)
		list := temporaries()
		if len(list) != 1 {
			t.Fatalf("%s: while its writer lives: %v", name, list)
		}
		if info, err := os.Stat(list[0]); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others can read what is not finished: %v, %v", name, info.Mode(), err)
		}
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.Wait()
		if list := temporaries(); len(list) != 1 {
			t.Fatalf("%s: after its writer was killed: %v", name, list)
		}
		if err := Write(filepath.Join(folder, "next"), []byte("next"), 0o600); err != nil {
			t.Fatal(err)
		}
		holds(t, folder, map[string]string{"next": "next"})
	}
}

// Only files and folders of the package's own, of the same user, that nobody has locked are removed.
func TestSweep(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	own := func() string { return ".encipher-" + rand.Text() }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	make := func(name string) string {
		check(os.WriteFile(at(name), []byte("x"), 0o600))
		return name
	}
	stale := []string{make(own()), make(own())}
	left := map[string]string{}
	for _, name := range []string{"picture.png", ".encipher-", ".encipher-123456789", own() + "-unlocked", own() + "A", "x" + own(), strings.ToLower(own())} {
		left["another name"+name] = make(name)
	}
	directory := own()
	check(os.Mkdir(at(directory), 0o700))
	check(os.WriteFile(at(directory)+"/card.json", nil, 0o600))
	stale = append(stale, directory)
	left["a link"] = own()
	check(os.Symlink("picture.png", at(left["a link"])))
	left["a pipe"] = own()
	check(syscall.Mkfifo(at(left["a pipe"]), 0o600))
	if os.Getuid() == 0 {
		left["another user's"] = make(own())
		check(os.Chown(at(left["another user's"]), 65534, 65534))
	}
	held, f, err := temporary(folder, func(name string) (*os.File, error) { return Create(name, private) })
	check(err)
	defer f.Close()
	left["one in use"] = filepath.Base(held)

	Sweep(folder)
	for _, name := range stale {
		if _, err := os.Lstat(at(name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	for what, name := range left {
		if _, err := os.Lstat(at(name)); err != nil {
			t.Errorf("%s was removed: %v", what, err)
		}
	}
	f.Close()
	Sweep(folder)
	if _, err := os.Lstat(held); err == nil {
		t.Error("a file whose lock was let go of is still there")
	}
}

// Sweeps at any time take nothing from those who write.
func TestSweepWhileWriting(t *testing.T) {
	folder := t.TempDir()
	done := make(chan struct{})
	var sweeper, writers sync.WaitGroup
	sweeper.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				Sweep(folder)
			}
		}
	})
	want := map[string]string{}
	for n := range 8 {
		name := fmt.Sprint("file", n)
		want[name] = fmt.Sprint(n, 49)
		writers.Go(func() {
			for i := range 50 {
				if err := Write(filepath.Join(folder, name), []byte(fmt.Sprint(n, i)), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
		writers.Go(func() {
			for i := range 10 {
				path := filepath.Join(folder, fmt.Sprint("folder", n, "-", i))
				if err := WriteFolder(path, []Part{{"a", []byte("b")}}, 0o600); err != nil {
					t.Error(err)
				}
				holds(t, path, map[string]string{"a": "b"})
				os.RemoveAll(path)
			}
		})
	}
	writers.Wait()
	close(done)
	sweeper.Wait()
	holds(t, folder, want)
}

// The folder is synced when the file has its name, and its permissions.
func TestFolderIsSynced(t *testing.T) {
	usual := syncFolder
	defer func() { syncFolder = usual }()
	folder := t.TempDir()
	path := filepath.Join(folder, "a")
	for name, write := range map[string]func() error{
		"Write":    func() error { return Write(path, []byte("x"), 0o666) },
		"WriteNew": func() error { os.Remove(path); return WriteNew(path, []byte("x"), 0o666) },
		"Replace":  func() error { return Replace(path, []byte("x")) },
	} {
		if err := os.WriteFile(path, []byte("before"), 0o666); err != nil {
			t.Fatal(err)
		}
		usually, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		var synced []string
		syncFolder = func(f string) {
			synced = append(synced, f)
			holds(t, folder, map[string]string{"a": "x"})
			if info, err := os.Stat(path); err != nil || info.Mode() != usually.Mode() {
				t.Errorf("%s: mode %v, %v, want that of the umask, %v", name, info.Mode(), err, usually.Mode())
			}
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if len(synced) != 1 || synced[0] != folder {
			t.Errorf("%s: synced %v", name, synced)
		}
	}
	syncFolder = usual
	syncFolder(folder)                           // does no harm
	syncFolder(filepath.Join(folder, "missing")) // nor does this
	if umask&0o077 == 0 {
		t.Logf("the umask is %v", umask)
	}
}
