//go:build unix

package main

import "golang.org/x/sys/unix"

// mostConnections is how many connections may be open at once: Go has raised the limit of
// open files as far as it goes.
func mostConnections() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return maxConnections
	}
	return connectionsWithin(uint64(limit.Cur))
}
