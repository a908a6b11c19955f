package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
	folder := t.TempDir()
	for _, free := range []string{folder, filepath.Join(folder, "new")} {
		if err := mayReplace(free); err != nil {
			t.Errorf("%s: %v", free, err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "thesis.txt"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := mayReplace(folder); err == nil {
		t.Error("a folder of other files may be replaced")
	}
	if err := os.WriteFile(filepath.Join(folder, licencesName), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := mayReplace(folder); err != nil {
		t.Errorf("an earlier set: %v", err)
	}
}
