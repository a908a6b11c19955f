package main

import (
	"encoding/json"
	"maps"
	"os/exec"
	"strings"
	"testing"
)

type modfile struct {
	Module  struct{ Path string }
	Go      string
	Require []struct{ Path, Version string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

func parseModfile(t *testing.T, path string) (m modfile, versions map[string]string) {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	versions = map[string]string{}
	for _, r := range m.Require {
		versions[r.Path] = r.Version
	}
	return m, versions
}

// The go command ignores replace directives of modules that others depend on, and refuses
// to install a command of a module that has them. So go.mod has none, and wasm.mod requires
// the same versions as go.mod and replaces modules by those of third_party only.
func TestModfiles(t *testing.T) {
	native, versions := parseModfile(t, "../../go.mod")
	if len(native.Replace) != 0 {
		t.Errorf("go.mod has replace directives: %+v", native.Replace)
	}
	wasm, wasmVersions := parseModfile(t, "../wasm.mod")
	if wasm.Module != native.Module || wasm.Go != native.Go || len(wasm.Replace) == 0 {
		t.Errorf("wasm.mod is of %v, Go %s, with %d replace directives", wasm.Module, wasm.Go, len(wasm.Replace))
	}
	for _, r := range wasm.Replace {
		if !strings.HasPrefix(r.New.Path, "./third_party/") {
			t.Errorf("wasm.mod replaces %s by %s", r.Old.Path, r.New.Path)
		}
		if versions[r.Old.Path] == "" {
			t.Errorf("wasm.mod replaces %s, which go.mod does not require", r.Old.Path)
		}
	}
	// The originals of stand-ins may need modules that nothing else needs.
	maps.DeleteFunc(versions, func(path, _ string) bool { return wasmVersions[path] == "" })
	if !maps.Equal(versions, wasmVersions) {
		t.Errorf("wasm.mod requires other versions than go.mod: copy the requirements of go.mod to it\n%v\n%v", versions, wasmVersions)
	}
}
