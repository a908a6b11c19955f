// Package cmd_test checks the module as a whole.
package cmd_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// sourceFile is a file of the repository. It implements zip.File.
type sourceFile struct{ root, name string }

func (f sourceFile) Path() string                 { return filepath.ToSlash(f.name) }
func (f sourceFile) Lstat() (os.FileInfo, error)  { return os.Lstat(filepath.Join(f.root, f.name)) }
func (f sourceFile) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(f.root, f.name)) }

// TestBuildsFromModuleZip builds the programs from the module's zip file, as `go install` of a version does.
// The go command accepts a version only for a module path whose first element has a dot. Our path has none
// yet, so the zip has another path, and the test unpacks it itself instead of using a proxy.
func TestBuildsFromModuleZip(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles all packages again")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("git", "ls-files", "-co", "--exclude-standard", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Skipf("not a checkout of the repository: %v", err)
	}
	var files []zip.File
	for name := range bytes.SplitSeq(bytes.TrimRight(out, "\x00"), []byte{0}) {
		f := sourceFile{root, filepath.FromSlash(string(name))}
		if _, err := f.Lstat(); err == nil { // the working tree may lack a tracked file
			files = append(files, f)
		}
	}
	version := module.Version{Path: "encipher.example/enciphergan", Version: "v1.0.0"}
	archive := filepath.Join(t.TempDir(), "module.zip")
	w, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := zip.Create(w, version, files); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "module")
	if err := zip.Unzip(dir, version, archive); err != nil {
		t.Fatal(err)
	}
	programs := t.TempDir()
	build := exec.Command("go", "build", "-mod=readonly", "-o", programs, "./cmd/...")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	entries, err := os.ReadDir(programs)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, trimExe(e.Name()))
	}
	if want := []string{"encipher", "encipher-server"}; !slices.Equal(names, want) {
		t.Fatalf("built %v, want %v", names, want)
	}
	allocatedAtStart(t, filepath.Join(programs, entries[0].Name()))
}

// maxStartBytes bounds the bytes that the packages of the command line allocate before main, a measure of the
// start-up time that does not depend on the machine. Most are from the modules of Gorgonia, from protobuf and
// from goja; fonts once took 0.2 MB, and word lists for passphrases 11 MB.
const maxStartBytes = 1_350_000

func allocatedAtStart(t *testing.T, program string) {
	t.Helper()
	var trace bytes.Buffer
	version := exec.Command(program, "version")
	version.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	version.Stderr = &trace
	if err := version.Run(); err != nil {
		t.Fatal(err)
	}
	total, packages := 0, 0
	for _, m := range regexp.MustCompile(`(?m)^init \S+ @.* clock, (\d+) bytes, `).FindAllStringSubmatch(trace.String(), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		total += n
		packages++
	}
	if packages < 50 {
		t.Fatalf("the trace names %d packages:\n%s", packages, &trace)
	}
	t.Logf("%d packages allocate %d bytes", packages, total)
	if total > maxStartBytes {
		t.Errorf("the packages allocate %d bytes at the start, more than %d:\n%s", total, maxStartBytes, &trace)
	}
}

// TestImports checks that the command line does not link packages that nothing it does needs, which cost start-up
// time and size: the network, XML, readers of Markdown and libraries that draw with fonts.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./encipher").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, "gorgonia.org/gorgonia") {
		t.Fatalf("the list lacks Gorgonia: %q", packages)
	}
	unneeded := regexp.MustCompile(`^(net|net/http|crypto/tls|encoding/xml)$|^(gonum\.org/v1/plot|golang\.org/x/image/font)|cli-docs|markdown|blackfriday|md2man|freetype`)
	for _, p := range packages {
		if unneeded.MatchString(p) {
			t.Errorf("cmd/encipher links %s", p)
		}
	}
}

func trimExe(name string) string { return name[:len(name)-len(filepath.Ext(name))] }
