// Package memory stands in for arrow's. Only tests of tensor import it; it is here
// so that go mod tidy finds it.
package memory
