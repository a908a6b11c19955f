//go:build !amd64 && !js

package kernel

// available lists the backends of this machine, best first.
func available() []backend { return []backend{portable} }
