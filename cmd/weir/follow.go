package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/weirsync/weir/clients/rsocket"
	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/cmd/internal/syncview"
)

// follower runs a client for a view. Its callbacks are called by one goroutine.
type follower struct {
	view  syncview.View
	once  bool
	notes io.Writer // for what is no row

	client  *syncclient.Client
	end     context.CancelCauseFunc
	met     bool // a whole checkpoint was applied
	waiting bool // the user knows that there is nothing yet
}

// errDone ends a follower that has done its work.
var errDone = errors.New("done")

// followRetry is how long to wait before a new connection.
const followRetry = time.Second

// follow runs until ctx ends, which is no error, or the follower ends itself.
func (f *follower) follow(ctx context.Context, opts syncclient.Options) error {
	opts.OnApply, opts.OnError, opts.RetryDelay = f.apply, f.fail, followRetry
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	f.client, f.end = syncclient.New(opts), end
	defer opts.HTTPClient.CloseIdleConnections()
	_ = f.client.Run(ctx) // the error is that of ctx
	if err := context.Cause(ctx); !errors.Is(err, errDone) && !errors.Is(err, context.Canceled) {
		return err
	}
	if f.met {
		s := f.client.Stats()
		f.note("%d checkpoints with right checksums, %d operations, %d bytes, %d connections",
			s.Checkpoints, s.Ops, s.Bytes, s.Connections)
	}
	return nil
}

func (f *follower) note(format string, args ...any) {
	_, _ = fmt.Fprintf(f.notes, format+"\n", args...)
}

func (f *follower) apply(a syncclient.Applied) {
	if err := f.view.Apply(f.client, a); err != nil {
		f.end(fmt.Errorf("print: %w", err))
		return
	}
	if a.Priority >= 0 || f.met {
		return
	}
	f.met = true
	for _, stream := range f.client.Streams() {
		for _, fault := range stream.Errors {
			f.note("stream %s: %s", stream.Name, fault.Message)
		}
	}
	if f.once {
		f.end(errDone)
	}
}

// fail decides what an error of a connection means. A server that has no rules
// yet is waited for, and one that was there before.
func (f *follower) fail(err error) {
	code := serverCode(err)
	switch {
	case strings.HasPrefix(code, codeRefused):
		f.end(fmt.Errorf("weir refuses the token: %w", err))
	case code == codeNoRules:
		if !f.waiting {
			f.note("weir has no rules, or has not read the tables yet (its log says why): waiting")
		}
		f.waiting = true
	case final(err) || !f.met:
		f.end(fmt.Errorf("sync: %w", err))
	default:
		f.note("%v; connecting again", err)
	}
}

// Codes of weir's answers.
const (
	codeRefused = "PSYNC_S21" // and two more digits
	codeNoRules = "PSYNC_S2302"
)

var codeText = regexp.MustCompile(`^\[(PSYNC_S[0-9]{4})\]`)

// serverCode returns the code of weir's answer, "" if there was none.
func serverCode(err error) string {
	var status *syncclient.StatusError
	if errors.As(err, &status) {
		return status.Code
	}
	var frame *rsocket.Error
	if errors.As(err, &frame) {
		if m := codeText.FindStringSubmatch(frame.Text); m != nil {
			return m[1]
		}
	}
	return ""
}

// final says whether the same request would only get the same answer.
func final(err error) bool {
	var status *syncclient.StatusError
	return errors.As(err, &status) && status.Status >= 400 && status.Status < 500 && status.Status != http.StatusTooManyRequests
}
