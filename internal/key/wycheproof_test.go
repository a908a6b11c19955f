//go:build !js

package key

import (
	"bytes"
	"path/filepath"
	"testing"

	"enciphergan/internal/testvectors"
)

// TestWycheproofHKDF runs the vectors of HKDF-SHA256 through the two functions that derive every subkey.
func TestWycheproofHKDF(t *testing.T) {
	var file struct {
		NumberOfTests int
		TestGroups    []struct {
			Tests []struct {
				TcId                                  int
				Comment, Ikm, Salt, Info, Okm, Result string
				Size                                  int
			}
		}
	}
	testvectors.Read(t, filepath.Join(testvectors.Folder(t, "../..", testvectors.Wycheproof), "testvectors_v1", "hkdf_sha256_test.json"), &file)
	ran := 0
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			if ran++; v.Result != "valid" { // more than 8,160 bytes, which no purpose asks for
				if v.Size <= 255*32 {
					t.Errorf("vector %d (%s) is invalid for another reason than its size, %d bytes", v.TcId, v.Comment, v.Size)
				}
				continue
			}
			got := expand(extract(unhex(t, v.Ikm), unhex(t, v.Salt)), string(unhex(t, v.Info)), v.Size)
			if !bytes.Equal(got, unhex(t, v.Okm)) {
				t.Errorf("vector %d (%s): %x, want %s", v.TcId, v.Comment, got, v.Okm)
			}
		}
	}
	if ran == 0 || ran != file.NumberOfTests {
		t.Fatalf("%d of %d vectors ran", ran, file.NumberOfTests)
	}
	t.Logf("%d vectors", ran)
}
