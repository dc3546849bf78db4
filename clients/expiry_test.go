package clients_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/wire"
)

// recorder is a sender that notes when which line was sent.
type recorder struct {
	started time.Time
	lines   []string
	blocked bool // takes nothing
}

func (r *recorder) Ready(ctx context.Context) error {
	if r.blocked {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (r *recorder) Flush() error { return nil }

func (r *recorder) Room() (lines, bytes int) { return 1, 0 }

func (r *recorder) Hold(ctx context.Context, raw []byte) error { return r.Send(ctx, raw) }

func (r *recorder) Send(_ context.Context, raw []byte) error {
	line, err := wire.DecodeJSON(raw)
	if err != nil {
		return err
	}
	text := describe(line)
	if line.ExpiresIn != nil {
		text = fmt.Sprintf("%d at %.0f", *line.ExpiresIn, time.Since(r.started).Seconds())
	}
	r.lines = append(r.lines, text)
	return nil
}

// session runs a session with a token that has left for its whole life, on a false clock.
func session(t *testing.T, left, pulse time.Duration, blocked bool) []string {
	t.Helper()
	var lines []string
	synctest.Test(t, func(t *testing.T) {
		store := clientstest.NewStore(t)
		store.Table("lists", "id", "owner", "name")
		store.Deploy(definitions + mine)
		r := &recorder{started: time.Now(), blocked: blocked}
		claims := &auth.Claims{Subject: "u1", Payload: json.RawMessage(`{"sub":"u1"}`), Expires: time.Now().Add(left)}
		cfg := clients.Config{Store: store.Store, Sources: store}
		if err := clients.RunSession(t.Context(), cfg, nil, claims, pulse, r); err != nil {
			t.Error(err)
		}
		lines = r.lines
	})
	return lines
}

func TestPoint28_HTTPTokenExpiry(t *testing.T) {
	lines := session(t, 70*time.Second, clients.PulseEvery, false)
	if diff := cmp.Diff([]string{"checkpoint", "complete"}, lines[:2]); diff != "" {
		t.Fatalf("first lines (-want +got):\n%s", diff)
	}
	lines = lines[2:]
	var last float64
	for i, line := range lines {
		var left int
		var at float64
		if _, err := fmt.Sscanf(line, "%d at %f", &left, &at); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if gap := at - last; gap > 22 || i < 2 && gap < 18 && at != 50 {
			t.Errorf("%v s between lines: %q", gap, lines)
		}
		if float64(left) < 70-at-1 || float64(left) > 70-at+1 {
			t.Errorf("line %q of a token for 70 s", line)
		}
		last = at
	}
	if diff := cmp.Diff("0 at 70", lines[len(lines)-1]); diff != "" {
		t.Errorf("last line (-want +got):\n%s", diff)
	}
	if slices.Contains(lines, "20 at 50") {
		return
	}
	t.Errorf("no line 20 s before the end: %q", lines)
}

func TestPoint29_WebSocketTokenExpiry(t *testing.T) {
	want := []string{"checkpoint", "complete", "20 at 3580", "0 at 3600"}
	if diff := cmp.Diff(want, session(t, time.Hour, 0, false)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// After hours without a word a change still comes at once. (That its connection lives as long is up to keep-alives: package rsocket.)
func TestPoint49_IdleSessionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := clientstest.NewStore(t)
		lists := store.Table("lists", "id", "owner", "name")
		store.Deploy(definitions + mine)
		r := &recorder{started: time.Now()}
		claims := &auth.Claims{Subject: "u1", Payload: json.RawMessage(`{"sub":"u1"}`), Expires: time.Now().Add(24 * time.Hour)}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- clients.RunSession(ctx, clients.Config{Store: store.Store, Sources: store}, nil, claims, 0, r)
		}()
		time.Sleep(5 * time.Hour)
		store.Commit(lists.Insert("a", "u1", "x"))
		time.Sleep(time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := []string{"checkpoint", "complete", "diff", `data(mine["u1"])`, "complete"}
		if diff := cmp.Diff(want, r.lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

func TestExpiredTokenGetsOneLine(t *testing.T) {
	for _, pulse := range []time.Duration{0, clients.PulseEvery} {
		if diff := cmp.Diff([]string{"0 at 0"}, session(t, -30*time.Second, pulse, false)); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	}
}

// When the clock of the machine is set forward, deadlines of contexts stay where they were: a session must neither outlive its
// token nor ask the time over and over.
func TestClockSetForwardEndsASession(t *testing.T) {
	if err := clients.Tick(t.Context()); !errors.Is(err, clients.ErrExpired) {
		t.Errorf("got %v", err)
	}
}

// A client that takes nothing is let go when its token expires.
func TestExpiryEndsABlockedSession(t *testing.T) {
	if lines := session(t, time.Minute, 0, true); len(lines) > 0 {
		t.Errorf("lines %q", lines)
	}
}
