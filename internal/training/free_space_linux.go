package training

import (
	"os"
	"regexp"
	"strconv"

	"golang.org/x/sys/unix"
)

// freeMemory returns the memory available to programs in bytes, 0 if unknown.
func freeMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(`(?m)^MemAvailable:\s+(\d+) kB$`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(string(found[1]), 10, 64)
	return kilobytes << 10
}

// freeDisk returns the disk space available to this user in a folder in bytes, 0 if unknown.
func freeDisk(folder string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(folder, &s) != nil {
		return 0
	}
	return int64(s.Bavail) * s.Bsize
}
