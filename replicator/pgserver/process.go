package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one run of the server program.
type process struct {
	cmd  *exec.Cmd
	log  *serverLog
	done chan struct{} // closed when the postmaster and its log are at an end
}

// launch starts cmd, a server program in the foreground, and waits until it
// accepts connections.
func launch(ctx context.Context, cmd *exec.Cmd, log io.Writer) (*process, error) {
	p := &process{
		cmd:  cmd,
		log:  &serverLog{next: log, ready: make(chan struct{})},
		done: make(chan struct{}),
	}
	cmd.Stderr = p.log
	cmd.WaitDelay = 5 * time.Second // for a child that keeps the log open
	started := make(chan error, 1)
	go p.supervise(started)
	if err := <-started; err != nil {
		return nil, err
	}
	select {
	case <-p.log.ready:
		return p, nil
	case <-p.done:
		return nil, p.log.failure()
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), p.stop(context.WithoutCancel(ctx), syscall.SIGQUIT))
	}
}

// supervise stays on one thread for the server's life, because the kernel
// takes the end of the starting thread for the end of the parent
// (PR_SET_PDEATHSIG), and Go ends threads when it likes.
func (p *process) supervise(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = p.cmd.Wait() // how it ended is in its log
	close(p.done)
}

// stop signals the postmaster and waits for its end. When ctx ends first, it
// is ended by an immediate shutdown, and ctx's error is returned.
func (p *process) stop(ctx context.Context, sig syscall.Signal) error {
	_ = p.cmd.Process.Signal(sig) // an error means it is gone
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	<-p.done
	return ctx.Err()
}

// serverLog passes the log on, notes when the server is ready and keeps the
// lines that explain a failed start.
type serverLog struct {
	next  io.Writer
	ready chan struct{}

	mu      sync.Mutex
	isReady bool
	head    []byte // the log until ready
}

// headMax bounds what is kept of the log of a start that says a lot.
const headMax = 64 << 10

func (l *serverLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	if !l.isReady && len(l.head) < headMax {
		l.head = append(l.head, b...)
		// It goes on with "connections", or with "read-only connections" on a standby.
		if bytes.Contains(l.head, []byte("database system is ready to accept ")) {
			l.isReady, l.head = true, nil
			close(l.ready)
		}
	}
	l.mu.Unlock()
	if _, err := l.next.Write(b); err != nil {
		return 0, fmt.Errorf("pass on the server's log: %w", err)
	}
	return len(b), nil
}

// failure returns what was logged by a start that came to nothing.
func (l *serverLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(l.head, []byte("Address already in use")) {
		return errPortTaken
	}
	lines := strings.ReplaceAll(strings.TrimSpace(string(l.head)), "\n", "; ")
	return fmt.Errorf("server ended at once: %s", lines)
}
