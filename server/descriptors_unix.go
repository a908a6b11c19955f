//go:build unix

package server

import "golang.org/x/sys/unix"

// maxOpenConnections returns how many connections may be open at once. The Go runtime has
// already raised the limit of open files to its maximum.
func maxOpenConnections() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return maxConnections
	}
	return connectionsWithin(uint64(limit.Cur))
}
