//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import (
	"io/fs"
	"os"
)

// Here a file that is renamed has to be closed before (Windows), or there are no locks that end with
// their process, so that nothing tells a file in use from one that was left: none is removed.

const renamesOpen = false

const umask fs.FileMode = 0

func lock(*os.File) (held bool, err error) { return true, nil }

func removeStale(string) {}

var syncFolder = func(string) {}
