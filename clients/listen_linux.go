package clients

import (
	"time"

	"golang.org/x/sys/unix"
)

// boundUnacknowledged sets the option on a listening socket: its connections inherit it.
func boundUnacknowledged(fd uintptr, d time.Duration) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}
