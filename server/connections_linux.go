package server

import (
	"net"

	"golang.org/x/sys/unix"
)

// Linux wakes a writer when a third of the send buffer is free, which grows to megabytes, so
// that a slow reader seems to make no progress for minutes. With this bound a write continues
// when fewer bytes have not been sent; bytes in flight do not count, so that it costs no speed.
const maxUnsentBytes = 64 << 10

// boundUnsent sets maxUnsentBytes for a connection. A listener does not pass the option on to
// its connections, as Go's listeners use MPTCP.
func boundUnsent(c *net.TCPConn) {
	if raw, err := c.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsentBytes)
		})
	}
}
