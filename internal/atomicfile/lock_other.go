//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import (
	"io/fs"
	"os"
)

// On these systems an open file cannot be renamed (Windows), or locks do not end with their process,
// so that a file in use cannot be distinguished from a stale one: none is removed.

const renamesOpen = false

const umask fs.FileMode = 0

func lock(*os.File) (held bool, err error) { return true, nil }

func removeStale(string) {}

var syncFolder = func(string) {}
