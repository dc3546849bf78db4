package logs

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// A subject may be told the same repeatsMax times in repeatsSpan. The last of these lines says that the next ones are left out (muted=1m0s),
// the first one after the span how many were (repeats=N).
const (
	repeatsMax  = 5
	repeatsSpan = time.Minute
)

// subjectsMax bounds the memory for what was said. Beyond it lines about new subjects are all written.
const subjectsMax = 10_000

// subjectFields say what a line is about. Other fields (counts, positions, causes) differ from line to line of a repeated fault.
var subjectFields = []string{
	"source", "slot", "table", "version", "client", "user", "path", "code", "host", "file", "state", "fault", "for",
}

// sparing is a handler that leaves repeats out. Debug lines are all written: who wants them wants them all.
type sparing struct {
	next    slog.Handler
	subject string // of the logger's own fields
	repeats *repeats
}

// Enabled asks the handler that writes.
func (s *sparing) Enabled(ctx context.Context, level slog.Level) bool {
	return s.next.Enabled(ctx, level)
}

// Handle writes the line, unless it is one repeat too many.
func (s *sparing) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return s.next.Handle(ctx, r)
	}
	var fields []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, a)
		return true
	})
	nth, left := s.repeats.count(r.Level.String()+" "+r.Message+s.subject+subjectOf(fields), r.Time)
	if nth > repeatsMax {
		return nil
	}
	r = r.Clone()
	if left > 0 {
		r.AddAttrs(slog.Int("repeats", left))
	}
	if nth == repeatsMax {
		r.AddAttrs(slog.Duration("muted", repeatsSpan))
	}
	return s.next.Handle(ctx, r)
}

// WithAttrs returns a handler with fields of its own.
func (s *sparing) WithAttrs(fields []slog.Attr) slog.Handler {
	return &sparing{s.next.WithAttrs(fields), s.subject + subjectOf(fields), s.repeats}
}

// WithGroup returns a handler whose fields are in a group.
func (s *sparing) WithGroup(name string) slog.Handler {
	return &sparing{s.next.WithGroup(name), s.subject + " " + name + ".", s.repeats}
}

func subjectOf(fields []slog.Attr) string {
	var b strings.Builder
	for _, f := range fields {
		if slices.Contains(subjectFields, f.Key) {
			b.WriteString(" " + f.Key + "=" + f.Value.String())
		}
	}
	return b.String()
}

// repeats counts lines by what they say of what.
type repeats struct {
	mu    sync.Mutex
	said  map[string]*said
	swept time.Time // forget looked at all
}

type said struct {
	since time.Time // the span began
	lines int       // in it
}

func newRepeats() *repeats { return &repeats{said: map[string]*said{}} }

// count returns which line of its span this one is, from 1, and how many were left out in the span before if it is the first.
func (r *repeats) count(line string, at time.Time) (nth, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.said[line]
	if s == nil {
		if len(r.said) >= subjectsMax && at.Sub(r.swept) >= time.Second {
			r.forget(at)
		}
		if len(r.said) >= subjectsMax {
			return 1, 0
		}
		s = &said{since: at}
		r.said[line] = s
	}
	if at.Sub(s.since) >= repeatsSpan {
		left = max(s.lines-repeatsMax, 0)
		*s = said{since: at}
	}
	s.lines++
	return s.lines, left
}

// forget drops what was said before the last span. A count of lines that were left out is kept for a while longer.
func (r *repeats) forget(at time.Time) {
	r.swept = at
	for line, s := range r.said {
		if ago := at.Sub(s.since); ago >= repeatsSpan && s.lines <= repeatsMax || ago >= 10*repeatsSpan {
			delete(r.said, line)
		}
	}
}
