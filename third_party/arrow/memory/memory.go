// Package memory replaces arrow's. Only tests of tensor import it; it exists so that
// go mod tidy finds it.
package memory
