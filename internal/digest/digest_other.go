//go:build !js

package digest

import "crypto/sha256"

func hosted([][]byte) (sum [sha256.Size]byte, ok bool) { return sum, false }
