package server

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestUnsentBytesAreBounded(t *testing.T) {
	l := limitConnections(listen(t), 1)
	defer l.Close()
	dialed(t, l)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*limitedConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if failed := raw.Control(func(fd uintptr) {
		got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
		if err != nil || got != maxUnsentBytes {
			t.Errorf("%d bytes, %v, want %d", got, err, maxUnsentBytes)
		}
	}); failed != nil {
		t.Fatal(failed)
	}
}
