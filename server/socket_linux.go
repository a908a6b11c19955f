package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// Linux wakes a writer when a third of the send buffer is free, which grows to megabytes, so
// that a slow reader seems to take nothing for minutes. Here a write goes on when so many
// bytes have not been sent; what is on its way does not count, so that it costs no speed.
const unsentBytes = 64 << 10

// showProgress makes writes to a connection go on as its other side takes what was written,
// where the system can. A socket that listens does not pass the option on: Go's are of MPTCP.
func showProgress(c *net.TCPConn) {
	if raw, err := c.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
		})
	}
}
