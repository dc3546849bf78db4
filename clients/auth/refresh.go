package auth

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// run fetches the keys at once, then when they are old, when somebody asks, and after failures with growing delay, until ctx ends.
func (s *keySet) run(ctx context.Context) {
	for failures := 0; ; {
		err := s.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		s.report(err, failures)
		wait := s.timing.refresh
		if failures++; err == nil {
			failures = 0
		} else {
			wait = min(s.timing.retry<<min(failures-1, 10), s.timing.retryMax)
		}
		timer := time.NewTimer(wait - rand.N(wait/10+1)) // so that many processes don't come at once
		select {
		case <-ctx.Done():
		case <-s.asked:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// refresh fetches the keys once. Keys that are there stay when it fails.
func (s *keySet) refresh(ctx context.Context) error {
	s.mu.Lock()
	s.pending = true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.timing.timeout)
	defer cancel()
	keys, err := s.fetch(ctx, s.uri)
	for i := range keys {
		keys[i].grant = s.grant
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = nil
	if err == nil {
		s.keys, s.fetched = keys, time.Now()
	} else if !errors.As(err, &s.err) {
		s.err = &Error{Code: codeFetch, Text: fetchFailed, Cause: err}
	}
	s.pending = false
	select {
	case <-s.asked: // by somebody whom this fetch served
	default:
	}
	close(s.done)
	s.done = make(chan struct{})
	return err
}

// report logs what changed: a first failure and the end of failures.
func (s *keySet) report(err error, failuresBefore int) {
	switch {
	case err != nil && failuresBefore == 0:
		s.log.Warn("keys can't be fetched; those known are used as long as they may be", "error", errors.Unwrap(err),
			"usable_for", s.timing.unusable)
	case err == nil && failuresBefore > 0:
		s.log.Info("keys are fetched again", "failures", failuresBefore)
	}
}
