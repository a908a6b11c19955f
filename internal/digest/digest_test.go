package digest

import (
	"crypto/sha256"
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestSHA256(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	for _, n := range []int{0, 1, 63, 64, 16<<10 - 1, 16 << 10, 1 << 20} {
		content := make([]byte, n)
		r.Read(content)
		want := sha256.Sum256(content)
		cut := n / 3
		for name, parts := range map[string][][]byte{"whole": {content}, "in parts": {content[:cut], nil, content[cut:]}} {
			if SHA256(parts...) != want {
				t.Errorf("%d bytes %s: not the SHA-256 of them", n, name)
			}
		}
		if sum, ok := hosted([][]byte{content}); ok && sum != want {
			t.Errorf("%d bytes: the host's sum differs", n)
		} else if ok != (runtime.GOOS == "js" && n >= 16<<10) {
			t.Errorf("%d bytes: summed by the host: %v", n, ok)
		}
	}
}
