//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// renamesOpen says that a file can be renamed while it is open, so that its lock is held until it
// has its name.
const renamesOpen = true

// umask is read before anything else can make files: it can only be read by setting it.
var umask = func() fs.FileMode {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return fs.FileMode(mask).Perm()
}()

// lock locks a temporary file that was just made, until it is closed or its process ends. held
// is false where a sweep was faster and has removed it.
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

// removeStale removes a temporary file, or a folder with the files in it, whose lock nobody holds.
func removeStale(path string) {
	before, err := os.Lstat(path)
	if err != nil || !before.Mode().IsRegular() && !before.IsDir() {
		return
	}
	if s, ok := before.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != os.Geteuid() {
		return
	}
	mode := os.O_RDWR // a lock through NFS needs a file that is open for writing
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
	// The path may lead to another file by now, whose lock is not this one.
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

// syncFolder makes sure that a new name is on the disk. Some file systems cannot, and the file has its name in any case. It is
// a variable so that a test can see it called.
var syncFolder = func(folder string) {
	f, err := os.Open(folder)
	if err != nil {
		return
	}
	defer f.Close()
	f.Sync()
}
