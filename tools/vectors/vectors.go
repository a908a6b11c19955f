// Package vectors names the modules that hold public test vectors, so that go.mod
// keeps their versions; package internal/testvectors reads their files.
package vectors

import (
	_ "c2sp.org/CCTV/age"
	_ "github.com/c2sp/wycheproof"
)
