//go:build !amd64

package kernel

// available lists the backends of this machine, best first.
func available() []backend { return []backend{portable} }
