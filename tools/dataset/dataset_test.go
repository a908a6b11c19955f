package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the command.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"dataset": main}) }

func TestCommittedList(t *testing.T) {
	entries, err := parseList(photosText)
	if err != nil {
		t.Fatal(err)
	}
	names, sums := map[string]bool{}, map[string]bool{}
	for _, group := range byPackage(entries) {
		for _, e := range group {
			if names[e.outputName()] || sums[e.sum] {
				t.Errorf("%s %s stands twice", e.pack, e.path)
			}
			names[e.outputName()], sums[e.sum] = true, true
			if e.pack != group[0].pack {
				t.Errorf("%s is grouped with %s", e.pack, group[0].pack)
			}
		}
	}
	if len(names) < 100 {
		t.Errorf("%d photos", len(names))
	}
}

func TestParseListErrors(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for _, line := range []string{
		"photo pack " + sum,
		"picture pack " + sum + " a.jpg",
		"photo --option " + sum + " a.jpg",
		"photo ../pack " + sum + " a.jpg",
		"photo pack 0a a.jpg",
		"photo pack " + sum + " ../a.jpg",
		"photo pack " + sum + " /a.jpg",
	} {
		if _, err := parseList("# comment\n\n" + line + "\n"); err == nil || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%q: %v", line, err)
		}
	}
	entries, err := parseList("photo pack " + sum + " usr/share/a/b.jpg\ndrawing pack - c.png\n")
	if err != nil || len(entries) != 2 || entries[0].outputName() != "pack--a-b.png" {
		t.Errorf("%v, %v", entries, err)
	}
}

const copyrightFile = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2014, The Group
License: GPL-2+

Files: nature/One.jpg
       nature/Two*.jpg
Copyright: 2008, Ann
           2009, Bob
License: CC-BY-4.0
Comment: by mail

Files: Help/* Media/*
Copyright: 2011, Institute
License: CC-BY-SA-3.0
 Full text
 .
 of it.

License: GPL-2+
 More text.
`

func TestLicenceOf(t *testing.T) {
	for installed, want := range map[string]string{
		"usr/share/backgrounds/mate/nature/One.jpg":   "CC-BY-4.0",
		"usr/share/backgrounds/mate/nature/Two-b.jpg": "CC-BY-4.0",
		"usr/share/backgrounds/One.jpg":               "GPL-2+",
		"usr/share/scratch/Media/Nature/lake.jpg":     "CC-BY-SA-3.0",
		"usr/share/other.jpg":                         "GPL-2+",
	} {
		got, ok := licenceOf(copyrightFile, installed)
		if !ok || got.licence != want {
			t.Errorf("%s: %q, %t, want %q", installed, got.licence, ok, want)
		}
		if want == "CC-BY-4.0" && got.copyright != "2008, Ann\n2009, Bob" {
			t.Errorf("%s: copyright %q", installed, got.copyright)
		}
	}
	if got, ok := licenceOf("Copyright:\n\n  Someone\n\nLicense:\n\n  GPL\n", "a.jpg"); ok {
		t.Errorf("free text was read as %+v", got)
	}
}

func TestMayReplace(t *testing.T) {
	entries, err := parseList(photosText)
	if err != nil {
		t.Fatal(err)
	}
	photo := byPackage(entries)[0][0].outputName()
	licences := licencesTitle + "\nmore\n"
	for _, c := range []struct {
		name   string
		files  map[string]string // names that end in / are folders
		answer string            // part of the refusal; "" where the folder may be replaced
	}{
		{"empty", nil, ""},
		{"an earlier set", map[string]string{licencesName: licences, photo: "x"}, ""},
		{"no licences", map[string]string{photo: "x"}, "no LICENSES.md"},
		{"licences of another project", map[string]string{licencesName: "# Licences\n" + licencesTitle}, "no LICENSES.md"},
		{"a file beside an earlier set", map[string]string{licencesName: licences, photo: "x", "thesis.txt": "x"}, "contains thesis.txt"},
		{"a photo of another name", map[string]string{licencesName: licences, "holiday.png": "x"}, "contains holiday.png"},
		{"a folder with the name of a photo", map[string]string{licencesName: licences, photo + "/": ""}, "contains " + photo},
	} {
		folder := t.TempDir()
		for name, content := range c.files {
			path := filepath.Join(folder, name)
			if strings.HasSuffix(name, "/") {
				err = os.Mkdir(path, 0o777)
			} else {
				err = os.WriteFile(path, []byte(content), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		err := mayReplace(folder, entries)
		if c.answer == "" && err != nil || c.answer != "" && (err == nil || !strings.Contains(err.Error(), c.answer)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.answer)
		}
	}
	if err := mayReplace(filepath.Join(t.TempDir(), "new"), entries); err != nil {
		t.Errorf("a new folder: %v", err)
	}
}

// TestInterrupted signals the command while its package client, here a script, is
// running. The command must end, and leave neither a partial folder nor a changed one.
func TestInterrupted(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		folder := t.TempDir()
		tools, temporary := filepath.Join(folder, "tools"), filepath.Join(folder, "temporary")
		for _, f := range []string{tools, temporary} {
			if err := os.Mkdir(f, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		script := "#!/bin/sh\necho started\n: > " + filepath.Join(folder, "started") + "\nexec sleep 60\n"
		for _, tool := range []string{"apt-get", "dpkg-deb"} {
			if err := os.WriteFile(filepath.Join(tools, tool), []byte(script), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		var stderr strings.Builder
		c := exec.Command(program, "-out", filepath.Join(folder, "set"))
		c.Args[0], c.Stderr = "dataset", &stderr
		c.Env = append(os.Environ(), "PATH="+tools+string(filepath.ListSeparator)+os.Getenv("PATH"), "TMPDIR="+temporary)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		for sent := false; ; {
			select {
			case <-done:
			case <-time.After(time.Millisecond):
				if _, err := os.Stat(filepath.Join(folder, "started")); err == nil && !sent {
					sent = true
					if err := c.Process.Signal(signal); err != nil {
						t.Fatal(err)
					}
				}
				continue
			}
			break
		}
		if c.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), errInterrupted.Error()) {
			t.Errorf("%v: exit code %d, %q", signal, c.ProcessState.ExitCode(), stderr.String())
		}
		for _, pattern := range []string{filepath.Join(folder, "set*"), filepath.Join(temporary, "*")} {
			if left, _ := filepath.Glob(pattern); left != nil {
				t.Errorf("%v: left behind: %v", signal, left)
			}
		}
	}
}
