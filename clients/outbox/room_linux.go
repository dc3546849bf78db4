package outbox

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Places of what SO_MEMINFO tells (linux/sock_diag.h), each a uint32.
const (
	memInfoSendBuffer = 3
	memInfoSendQueued = 5
	memInfoLen        = 9
)

// sendBufferLeft is how many bytes a socket takes before its writers have to wait: half of what its buffer has left, because the kernel
// counts its own structures, too.
func sendBufferLeft(fd uintptr) int {
	var info [memInfoLen]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || size <= memInfoSendQueued*4 {
		return 0
	}
	return max(0, int(info[memInfoSendBuffer])-int(info[memInfoSendQueued])) / 2
}
