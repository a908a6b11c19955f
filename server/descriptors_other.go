//go:build !unix

package server

// maxOpenConnections returns how many connections may be open at once; the system has no
// limit of open files.
func maxOpenConnections() int { return maxConnections }
