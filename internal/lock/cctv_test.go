package lock

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"enciphergan/internal/testvectors"
)

// opened are the public vectors of age that open: the pass list. Every other one must not.
var opened = []string{
	"armor_crlf", "armor_full_last_line", "armor_hybrid", "armor_no_eol", "armor_scrypt", "armor_whitespace_outside", "armor_x25519",
	"hybrid", "hybrid_and_x25519", "hybrid_grease", "hybrid_multiple_recipients", "scrypt", "stanza_empty_body", "stanza_empty_last_line",
	"stanza_valid_characters", "stream_257_chunks", "stream_257_chunks_full", "stream_258_chunks", "stream_empty_payload",
	"stream_last_chunk_full", "stream_last_chunk_full_second", "stream_three_chunks", "stream_two_chunks", "x25519", "x25519_grease", "x25519_multiple_recipients",
}

// TestAgeVectors opens the public vectors of age as the program opens key slots, sealed models and
// sealed key files.
func TestAgeVectors(t *testing.T) {
	folder := filepath.Join(testvectors.Folder(t, "../..", testvectors.Age), "testdata")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) == 0 {
		t.Fatal("there are no vectors")
	}
	var pass []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		head, file, ok := bytes.Cut(data, []byte("\n\n"))
		if !ok {
			t.Fatalf("%s has no header", e.Name())
		}
		fields := map[string][]string{}
		for line := range strings.Lines(string(head)) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			fields[name] = append(fields[name], value)
		}
		if slices.Equal(fields["compressed"], []string{"zlib"}) {
			r, err := zlib.NewReader(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if file, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		var with interface {
			Unseal(file []byte, max int64) ([]byte, error)
		}
		if p := fields["passphrase"]; p != nil {
			if with, err = NewPassphrase(p[0]); err != nil {
				t.Fatal(err)
			}
		} else if fields["identity"] == nil { // any one fails
			i, err := age.GenerateX25519Identity()
			if err != nil {
				t.Fatal(err)
			}
			with = &Identities{[]age.Identity{i}}
		} else if with, err = ParseIdentities(strings.Join(fields["identity"], "\n")); err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		got, err := with.Unseal(file, 1<<25)
		expect := fields["expect"][0]
		if expect != "success" {
			if err == nil {
				t.Errorf("%s opens, and should fail: %s", e.Name(), expect)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s does not open: %v", e.Name(), err)
			continue
		}
		if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != fields["payload"][0] {
			t.Errorf("%s opens with another content", e.Name())
		}
		pass = append(pass, e.Name())
	}
	if !slices.Equal(pass, opened) {
		t.Errorf("these open: %q", pass)
	}
	t.Logf("%d of %d vectors open", len(pass), len(entries))
}
