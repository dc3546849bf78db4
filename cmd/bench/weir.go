package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// weir is the child process that is measured.
type weir struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers chan string // lines of its output; closed when it is gone
	err     error       // how it ended, once answers is closed
	log     tail
	started time.Time // before the process was made
	url     string    // http://host:port
}

// stopTimeout bounds a graceful stop.
const stopTimeout = time.Minute

// startWeir starts a child, and returns once it listens: it need not have anything to serve yet.
func startWeir(ctx context.Context, config, profiles string) (*weir, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &weir{
		cmd:     exec.Command(self, childCommand, "-config", config, "-profile", profiles),
		answers: make(chan string, 1),
	}
	w.cmd.Stderr = &w.log
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.started = time.Now()
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start weir: %w", err)
	}
	go w.listen(out)
	select {
	case addr, ok := <-w.answers:
		if !ok {
			return nil, fmt.Errorf("start weir: %w: %s", w.err, w.log.String())
		}
		w.url = "http://" + addr
		return w, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), w.stop())
	}
}

// listen passes the child's lines on until it is gone.
func (w *weir) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		w.answers <- lines.Text()
	}
	if w.err = w.cmd.Wait(); w.err == nil {
		w.err = errors.New("weir ended")
	}
	close(w.answers)
}

// command sends a line and waits for the answer.
func (w *weir) command(line string) error {
	if _, err := fmt.Fprintln(w.stdin, line); err != nil {
		return err
	}
	answer, ok := <-w.answers
	switch {
	case !ok:
		return w.err
	case answer != "ok":
		return errors.New(answer)
	}
	return nil
}

// stop ends the child as an operator would, and waits for it.
func (w *weir) stop() error {
	_ = w.stdin.Close()
	select {
	case <-w.gone():
	case <-time.After(stopTimeout):
		w.kill()
		return fmt.Errorf("stop weir: it still ran after %s", stopTimeout)
	}
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("stop weir: it ended with code %d: %s", code, w.log.String())
	}
	return nil
}

// kill ends the child as a crash would, and waits until it is gone.
func (w *weir) kill() {
	_ = w.cmd.Process.Kill() // an error means that it is gone
	_ = w.stdin.Close()
	<-w.gone()
}

// gone returns a channel that is closed when the child has ended. Answers that nobody took are lost.
func (w *weir) gone() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range w.answers { // until it is closed
		}
	}()
	return done
}

// readyPoll is how exact the time of readiness is.
const readyPoll = 5 * time.Millisecond

// prober leaves no connection open, which would count as a client's.
var prober = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ready waits until weir has a checkpoint to serve.
func (w *weir) ready(ctx context.Context) error {
	for {
		ok, err := w.isReady(ctx)
		if ok || err != nil {
			return err
		}
		if err := pause(ctx, readyPoll); err != nil {
			return fmt.Errorf("wait until weir serves: %w", err)
		}
	}
}

func (w *weir) isReady(ctx context.Context) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/probes/readiness", nil)
	if err != nil {
		return false, err
	}
	resp, err := prober.Do(req)
	if err != nil {
		return false, fmt.Errorf("ask weir whether it serves: %w", err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK, errors.Join(err, resp.Body.Close())
}

// pause waits for d, or until ctx ends, whose error it then returns.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
