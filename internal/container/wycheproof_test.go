//go:build !js

package container

import (
	"bytes"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"enciphergan/internal/testvectors"
)

// TestWycheproofXChaCha20Poly1305 runs the vectors through the constructor that Seal and Open take:
// valid ones both ways, the others must not open.
func TestWycheproofXChaCha20Poly1305(t *testing.T) {
	var file struct {
		NumberOfTests int
		TestGroups    []struct {
			IvSize int
			Tests  []struct {
				TcId                                        int
				Comment, Key, Iv, Aad, Msg, Ct, Tag, Result string
			}
		}
	}
	testvectors.Read(t, filepath.Join(testvectors.Folder(t, "../..", testvectors.Wycheproof), "testvectors_v1", "xchacha20_poly1305_test.json"), &file)
	ran, valid := 0, 0
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			ran++
			if g.IvSize != 8*chacha20poly1305.NonceSizeX { // the format has one size of nonce
				if v.Result == "valid" {
					t.Errorf("vector %d (%s) is valid with a nonce of %d bits", v.TcId, v.Comment, g.IvSize)
				}
				continue
			}
			aead, err := chacha20poly1305.NewX(unhex(t, v.Key))
			if err != nil {
				t.Fatal(err)
			}
			nonce, aad, text := unhex(t, v.Iv), unhex(t, v.Aad), unhex(t, v.Msg)
			sealed := append(unhex(t, v.Ct), unhex(t, v.Tag)...)
			got, err := aead.Open(nil, nonce, sealed, aad)
			if v.Result != "valid" {
				if err == nil {
					t.Errorf("vector %d (%s) opens, and is %s", v.TcId, v.Comment, v.Result)
				}
				continue
			}
			valid++
			if err != nil || !bytes.Equal(got, text) || !bytes.Equal(aead.Seal(nil, nonce, text, aad), sealed) {
				t.Errorf("vector %d (%s): opened as %x, %v", v.TcId, v.Comment, got, err)
			}
		}
	}
	if valid == 0 || ran != file.NumberOfTests {
		t.Fatalf("%d of %d vectors ran, %d of them valid", ran, file.NumberOfTests, valid)
	}
	t.Logf("%d vectors, %d of them valid", ran, valid)
}
