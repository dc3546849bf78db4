package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// progress shows a person what is going on, in one line that is written over.
type progress struct {
	w    io.Writer // nil if nobody is watching
	name string
}

func newProgress(stderr io.Writer) *progress {
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{w: stderr}
	}
	return &progress{}
}

func (p *progress) scenario(name string) { p.name = name }

func (p *progress) step(format string, args ...any) {
	if p.w != nil {
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s: %s", p.name, fmt.Sprintf(format, args...))
	}
}

// clear makes room for the report.
func (p *progress) clear() {
	if p.w != nil {
		_, _ = io.WriteString(p.w, "\r\x1b[K")
	}
}
