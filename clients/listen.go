package clients

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// deadAfter is how long a connection may be without a sign of life from the other machine: half-open ones, and those cut by a
// network that drops packets, end then, whether there is something to send or not.
const deadAfter = time.Minute

// Listen listens on a TCP address. Its connections notice when their other end is gone: keep-alive probes find that out while nothing is
// sent, a bound on unacknowledged data (TCP_USER_TIMEOUT, on Linux) while something is.
func Listen(address string) (net.Listener, error) {
	cfg := net.ListenConfig{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: deadAfter / 2, Interval: deadAfter / 6, Count: 3},
		Control: func(_, _ string, c syscall.RawConn) error {
			var refused error
			err := c.Control(func(fd uintptr) { refused = boundUnacknowledged(fd, deadAfter) })
			return errors.Join(err, refused)
		},
	}
	return cfg.Listen(context.Background(), "tcp", address)
}
