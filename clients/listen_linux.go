package clients

import (
	"time"

	"golang.org/x/sys/unix"
)

// boundUnacknowledged sets the option on a listening socket: its connections inherit it.
func boundUnacknowledged(fd uintptr, d time.Duration) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}

// sendBufferLeft is how many bytes a socket takes before its writers have to wait: half of what its buffer has left, because that counts
// the kernel's own structures, too.
func sendBufferLeft(fd uintptr) int {
	size, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	if err != nil {
		return 0
	}
	waiting, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return max(0, size-waiting) / 2
}
