package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/weirsync/weir/clients/syncclient"
)

// rowKey names a row as clients see it.
type rowKey struct{ table, id string }

// watcher is the client of a user, and notes when what arrives there.
type watcher struct {
	user   string
	over   string // the transport, for people
	client *syncclient.Client
	stop   func()

	news chan struct{} // has an element after each callback

	mu       sync.Mutex
	expected map[rowKey]chan time.Time
	strays   []rowKey // changes that were not expected
	live     bool     // the first checkpoint was taken
	write    int64    // write checkpoint that was reached
	fault    error    // of the last connection
}

// retryDelay is short: the first attempts come while weir still reads the
// tables for the first time.
const retryDelay = 200 * time.Millisecond

// connect starts the client of a user.
func connect(w *weir, user, over string, transport syncclient.Transport) *watcher {
	watch := &watcher{user: user, over: over, expected: map[rowKey]chan time.Time{}, news: make(chan struct{}, 1)}
	web := &http.Transport{}
	watch.client = syncclient.New(syncclient.Options{
		Endpoint:   w.url,
		Token:      func(context.Context) (string, error) { return w.token(user) },
		Transport:  transport,
		ClientID:   "demo-" + user,
		RetryDelay: retryDelay,
		HTTPClient: &http.Client{Transport: web},
		OnApply:    watch.apply,
		OnError:    watch.fail,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = watch.client.Run(ctx) // ends with ctx only
	}()
	watch.stop = func() {
		cancel()
		<-done
		web.CloseIdleConnections()
	}
	return watch
}

// apply is the client's callback: its first act is to look at the clock.
func (w *watcher) apply(a syncclient.Applied) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range a.Changes {
		c := &a.Changes[i]
		key := rowKey{c.Table, c.ID}
		if arrived := w.expected[key]; arrived != nil {
			delete(w.expected, key)
			arrived <- now
		} else if w.live {
			w.strays = append(w.strays, key)
		}
	}
	if a.Priority < 0 { // a whole checkpoint
		w.live, w.write = true, max(w.write, a.WriteCheckpoint)
	}
	w.tellLocked()
}

func (w *watcher) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = err
	w.tellLocked()
}

func (w *watcher) tellLocked() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// expect announces a change of a row. The channel gets the time at which it
// arrives.
func (w *watcher) expect(key rowKey) <-chan time.Time {
	arrived := make(chan time.Time, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected[key] = arrived
	return arrived
}

// forget takes expect back.
func (w *watcher) forget(key rowKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.expected, key)
}

// catchUp waits until the client holds everything that is in the database now.
func (w *watcher) catchUp(ctx context.Context) error {
	if err := w.await(ctx, func() bool { return w.live }); err != nil {
		return err
	}
	want, err := w.client.WriteCheckpoint(ctx)
	if err != nil {
		return fmt.Errorf("ask for %s's write checkpoint: %w", w.user, err)
	}
	return w.await(ctx, func() bool { return w.write >= want })
}

// await waits until reached, called under the lock, returns true.
func (w *watcher) await(ctx context.Context, reached func() bool) error {
	for {
		w.mu.Lock()
		ok, fault := reached(), w.fault
		w.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-w.news:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s's client: %w", w.user, errors.Join(context.Cause(ctx), fault))
		}
	}
}

// strayed returns the changes that nobody expected.
func (w *watcher) strayed() []rowKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.strays)
}

// rowCount returns how many rows the client shows.
func (w *watcher) rowCount() (n int) {
	for _, name := range w.client.Tables() {
		n += len(w.client.Rows(name))
	}
	return n
}
