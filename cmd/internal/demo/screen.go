package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// screen shows what happens, a line each; in colours on a terminal.
type screen struct {
	color bool

	mu  sync.Mutex
	out io.Writer
}

// style is the ANSI code of a look.
type style string

const (
	plain style = ""
	bold  style = "1"
	dim   style = "2"
	red   style = "31"
	green style = "32"
	cyan  style = "36"
)

func (s *screen) paint(look style, text string) string {
	if !s.color || look == plain {
		return text
	}
	return "\x1b[" + string(look) + "m" + text + "\x1b[0m"
}

// line writes a line. That a terminal is gone is no fault of the demo.
func (s *screen) line(look style, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintln(s.out, s.paint(look, fmt.Sprintf(format, args...)))
}

// progress shows what is being waited for.
func (s *screen) progress(format string, args ...any) { s.line(dim, "  "+format+" ...", args...) }

// doneWidth is where the times of steps stand.
const doneWidth = 76

// done shows a step that is done, and how long it took.
func (s *screen) done(began time.Time, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.line(plain, "  %s  %s", pad(text, doneWidth), s.paint(dim, fmt.Sprintf("%5.1f s", time.Since(began).Seconds())))
}

// cell is what to show of a change at one client.
type cell struct {
	kind cellKind
	took time.Duration // of an arrival
}

type cellKind uint8

const (
	absent  cellKind = iota // the user doesn't see such changes
	arrival                 // it came
	lost                    // it didn't
)

// The columns of changes.
const (
	textWidth = 48
	cellWidth = 16
)

// header shows what the columns of changes are.
func (s *screen) header(watchers []*watcher) {
	var b strings.Builder
	for _, w := range watchers {
		fmt.Fprintf(&b, "%*s", cellWidth, w.user+", "+w.over)
	}
	s.line(bold, "  %-8s  %s%s", "time", pad("change", textWidth), b.String())
}

// change shows a change and its arrivals.
func (s *screen) change(at time.Time, text string, cells []cell) {
	var b strings.Builder
	for _, c := range cells {
		switch c.kind {
		case absent:
			b.WriteString(s.paint(dim, fmt.Sprintf("%*s", cellWidth, "-")))
		case arrival:
			b.WriteString(s.paint(green, fmt.Sprintf("%*s", cellWidth, millis(c.took))))
		case lost:
			b.WriteString(s.paint(red, fmt.Sprintf("%*s", cellWidth, "LOST")))
		}
	}
	s.line(plain, "  %s  %s%s", s.paint(dim, at.Format(time.TimeOnly)), pad(text, textWidth), b.String())
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// pad brings text to the width, by spaces or by leaving out its end.
func pad(text string, width int) string {
	n := utf8.RuneCountInString(text)
	if n > width {
		return string([]rune(text)[:width-1]) + "…"
	}
	return text + strings.Repeat(" ", width-n)
}
