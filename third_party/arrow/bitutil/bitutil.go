// Package bitutil replaces arrow's.
package bitutil

// BitIsNotSet reports whether bit i of b, counted from the lowest bit of the first byte, is 0.
func BitIsNotSet(b []byte, i int) bool { return b[i/8]&(1<<(i%8)) == 0 }
