//go:build !linux

package server

import "net"

// boundUnsent does nothing: elsewhere than on Linux, a blocked write continues as soon as
// there is room in the send buffer.
func boundUnsent(*net.TCPConn) {}
