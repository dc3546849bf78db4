package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// grant is what a key's tokens may have that those of other keys may not. The zero value is that of ordinary keys.
type grant struct {
	audience []string      // instead of the configured ones, if not nil
	lifetime time.Duration // instead of MaxLifetime, if not 0
}

// timing of a keySet. Tests hurry it.
type timing struct {
	refresh  time.Duration // age at which keys are fetched again
	unusable time.Duration // age at which keys are dropped, as the endpoint may long have revoked them
	retry    time.Duration // after a first failure; doubles up to retryMax
	retryMax time.Duration
	patience time.Duration // of a token that waits for a fetch
	timeout  time.Duration // of a fetch
}

var timingDefault = timing{
	refresh: 5 * time.Minute, unusable: time.Hour, retry: time.Second, retryMax: time.Minute,
	patience: 3 * time.Second, timeout: 30 * time.Second,
}

// Tokens with unknown keys may ask for so many fetches at once and then for one in each interval: anybody can make such tokens.
const (
	askBurst    = 10
	askInterval = time.Minute
)

// keySet holds the keys of one URI. Its run fetches them, everybody else only reads what it left.
type keySet struct {
	uri    string
	grant  grant
	fetch  func(ctx context.Context, uri string) ([]Key, error) // errors are *Error
	log    *slog.Logger
	timing timing
	asked  chan struct{} // has one when somebody waits for a fetch that has not begun

	mu sync.Mutex
	// guarded by mu
	keys    []Key
	fetched time.Time // when keys came; zero if they never did
	err     *Error    // of the latest fetch; nil if it succeeded
	pending bool      // a fetch runs or has been asked for
	done    chan struct{}
	limit   *rate.Limiter
}

func newKeySet(uri string, g grant, fetch func(context.Context, string) ([]Key, error), t timing, log *slog.Logger) *keySet {
	return &keySet{
		uri: uri, grant: g, fetch: fetch, timing: t, log: log.With("host", hostOf(uri)),
		asked: make(chan struct{}, 1), done: make(chan struct{}),
		pending: true, // run begins with a fetch
		err:     &Error{Code: codeFetch, Text: fetchFailed, Cause: errors.New("no fetch has ended yet")},
		limit:   rate.NewLimiter(rate.Every(askInterval), askBurst),
	}
}

// usable returns the keys, and the error of the latest fetch if it failed. Old keys outlive failures for a while.
func (s *keySet) usable() ([]Key, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.fetched) > s.timing.unusable {
		return nil, s.err
	}
	return s.keys, s.err
}

// ask has the keys fetched. The channel closes when that is done; it is nil where asking too often is refused.
func (s *keySet) ask() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pending {
		if !s.limit.Allow() {
			return nil
		}
		s.pending = true
		s.asked <- struct{}{} // has room: only who sets pending sends
	}
	return s.done
}
