package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// edit replaces old, which must occur once, in one file of a module.
type edit struct{ file, old, new string }

// absent is the import path of the packages that replace those of the standard library
// that a module imports and the page does not need.
const absent = "enciphergan/third_party/absent/"

// leanEdits changes imports of pinned modules, for the wasm only: Gorgonia draws graphs
// with text/template, and tensor writes arrays with encoding/gob. Both packages build
// tables when a program starts, so that the linker would retain all of them. The other
// stand-ins are in wasm/wasm.mod.
var leanEdits = map[string][]edit{
	"gorgonia.org/gorgonia": {
		{"templates.go", `"text/template"`, `"` + absent + `template"`},
	},
	"gorgonia.org/tensor": {
		{"tensor.go", `"encoding/gob"`, `"` + absent + `gob"`},
		{"dense_io.go", `"encoding/gob"`, `"` + absent + `gob"`},
		{"sparse_io.go", `"encoding/gob"`, `"` + absent + `gob"`},
	},
}

// copies is the folder of the changed modules, relative to the module root. Go writes their
// path into the wasm, so it must be relative and depend on their content only.
const copies = "build/wasm-modules"

// writeModfile writes the changed modules, and to dir a copy of wasm/wasm.mod that replaces
// the originals by them. It returns the path of that file. Concurrent builds share the modules.
func writeModfile(dir string) (modfile string, err error) {
	root, err := module("")
	if err != nil {
		return "", err
	}
	place, err := writeCopies(root)
	if err != nil {
		return "", err
	}
	modfile = filepath.Join(dir, "wasm.mod")
	for name, to := range map[string]string{"wasm.mod": modfile, "wasm.sum": filepath.Join(dir, "wasm.sum")} {
		content, err := os.ReadFile(filepath.Join(root, "wasm", name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(to, content, 0o666); err != nil {
			return "", err
		}
	}
	for path := range leanEdits {
		if out, err := exec.Command("go", "mod", "edit", "-replace="+path+"=./"+place+"/"+path, modfile).CombinedOutput(); err != nil {
			return "", fmt.Errorf("go mod edit: %w: %s", err, out)
		}
	}
	return modfile, nil
}

// writeCopies writes the changed modules into a folder that is named by a digest of their
// content, and returns its slash-separated path relative to root.
func writeCopies(root string) (place string, err error) {
	parent := filepath.Join(root, filepath.FromSlash(copies))
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	for path, edits := range leanEdits {
		from, err := module(path)
		if err != nil {
			return "", err
		}
		to := filepath.Join(fresh, filepath.FromSlash(path))
		if err := copySources(to, from); err != nil {
			return "", fmt.Errorf("copying %s: %w", path, err)
		}
		for _, e := range edits {
			if err := e.apply(to); err != nil {
				return "", fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	name, err := digest(fresh)
	if err != nil {
		return "", err
	}
	target := filepath.Join(parent, name)
	if err := os.Rename(fresh, target); err != nil {
		// An earlier or a concurrent build has written the same.
		if info, missing := os.Stat(target); missing != nil || !info.IsDir() {
			return "", err
		}
	}
	return copies + "/" + name, nil
}

// digest returns a digest of the names and contents of a folder's files, of 64 bits.
func digest(dir string) (string, error) {
	sum := sha256.New()
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		fmt.Fprintf(sum, "%s %d\n", name, len(content))
		sum.Write(content)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)[:8]), err
}

// module returns the folder of a module's sources; of the main module for "".
func module(path string) (string, error) {
	arguments := []string{"list", "-m", "-json"}
	if path != "" {
		arguments = []string{"mod", "download", "-json", path}
	}
	out, err := exec.Command("go", arguments...).Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(arguments, " "), err, out)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil {
		return "", err
	}
	if found.Dir == "" {
		return "", fmt.Errorf("go %s names no folder: %s", strings.Join(arguments, " "), out)
	}
	return found.Dir, nil
}

// copySources copies the Go and assembly sources of a module, without tests, and its go.mod.
func copySources(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case "examples", "testdata", "cmd", "media", "cuda modules":
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o777)
		}
		if name != "go.mod" && (!strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".s") || strings.HasSuffix(name, "_test.go")) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o666)
	})
}

func (e edit) apply(dir string) error {
	path := filepath.Join(dir, e.file)
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(content), e.old); n != 1 {
		return fmt.Errorf("%s has %q %d times instead of once: update leanEdits for the module's new version", e.file, e.old, n)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(content), e.old, e.new, 1)), 0o666)
}
