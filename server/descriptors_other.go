//go:build !unix

package main

// mostConnections is how many connections may be open at once: there is no limit of open files.
func mostConnections() int { return maxConnections }
