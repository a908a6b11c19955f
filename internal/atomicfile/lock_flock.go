//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// renamesOpen reports whether an open file can be renamed, so that it stays locked until it has
// its final name.
const renamesOpen = true

// umask is read before any file is created, as it can only be read by setting it.
var umask = func() fs.FileMode {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return fs.FileMode(mask).Perm()
}()

// lock locks a new temporary file until it is closed or its process ends. held is false where
// a concurrent Sweep has removed the file.
func lock(f *os.File) (held bool, err error) {
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return false, err
	}
	var s syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &s); err != nil {
		return false, err
	}
	return s.Nlink > 0, nil
}

// removeStale removes a temporary file, or a folder with the files in it, that is not locked.
func removeStale(path string) {
	before, err := os.Lstat(path)
	if err != nil || !before.Mode().IsRegular() && !before.IsDir() {
		return
	}
	if s, ok := before.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != os.Geteuid() {
		return
	}
	mode := os.O_RDWR // NFS locks only files that are open for writing
	if before.IsDir() {
		mode = os.O_RDONLY
	}
	f, err := os.OpenFile(path, mode|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return
	}
	// The path may be another file by now, which this lock does not protect.
	opened, err := f.Stat()
	now, err2 := os.Lstat(path)
	if errors.Join(err, err2) != nil || !os.SameFile(opened, before) || !os.SameFile(opened, now) {
		return
	}
	if opened.IsDir() {
		names, _ := f.Readdirnames(-1)
		for _, name := range names {
			os.Remove(filepath.Join(path, name))
		}
	}
	os.Remove(path)
}

// syncFolder syncs a new name to the disk. It ignores errors, as some file systems cannot, and
// the file has its name in any case. It is a variable so that a test can count calls.
var syncFolder = func(folder string) {
	f, err := os.Open(folder)
	if err != nil {
		return
	}
	defer f.Close()
	f.Sync()
}
