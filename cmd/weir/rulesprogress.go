package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/adminclient"
)

// followVersion shows the progress of a version until it is active. errReported: it failed, and that was said.
func followVersion(cmd *cobra.Command, c *adminclient.Client, id uint32, asJSON bool) error {
	view := &progressView{out: cmd.OutOrStdout(), json: asJSON, live: !asJSON && colorful(cmd.OutOrStdout())}
	path := fmt.Sprintf("/api/v1/rules/events?version=%d", id)
	err := c.Events(cmd.Context(), path, view.event)
	switch {
	case err != nil && !errors.Is(err, errDone):
		return err
	case err == nil: // the stream ended, as when weir is stopped
		return fmt.Errorf("weir stopped while version %d was deploying; it goes on when weir is started again", id)
	}
	if view.state != "active" {
		return errReported
	}
	return nil
}

// progressView shows progress: in place on a terminal, in lines of what changed elsewhere.
type progressView struct {
	out   io.Writer
	json  bool
	live  bool
	drawn int    // lines that are to be drawn over
	last  string // line that was printed
	state string // of the version in the end
}

// event shows an event. errDone: it was the last.
func (v *progressView) event(name string, data []byte) error {
	var p admin.Progress
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("read progress: %w", err)
	}
	if name != "progress" {
		v.state = name
		return v.end(&p)
	}
	switch {
	case v.json:
		return v.line(&p)
	case v.live:
		return v.draw(&p)
	}
	if text := summary(&p); text != v.last {
		v.last = text
		_, err := fmt.Fprintln(v.out, text)
		return err
	}
	return nil
}

func (v *progressView) line(p *admin.Progress) error {
	e := json.NewEncoder(v.out)
	e.SetEscapeHTML(false)
	return e.Encode(p)
}

// draw draws a bar for each table over what was drawn before.
func (v *progressView) draw(p *admin.Progress) error {
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.drawn)
	}
	b.WriteString("\x1b[J")
	lines := []string{summary(p)}
	for i := range p.Tables {
		lines = append(lines, bar(&p.Tables[i]))
	}
	v.drawn = len(lines)
	b.WriteString(strings.Join(lines, "\n") + "\n")
	_, err := io.WriteString(v.out, b.String())
	return err
}

// barWidth is how many characters a full bar has.
const barWidth = 30

func bar(t *admin.TableProgress) string {
	full := 0
	switch {
	case t.Phase == "done", t.Phase == "settling":
		full = barWidth
	case t.Estimated > 0:
		full = int(min(t.Rows*barWidth/t.Estimated, barWidth-1)) // an estimate: it may be more
	}
	text := fmt.Sprintf("  [%s%s] %s.%s %s, %s", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), t.Schema, t.Name, count(t.Rows, "row"), t.Phase)
	if t.Waiting != "" {
		text += ", waits for " + t.Waiting
	}
	return text
}

// summary says in one line how far a version is.
func summary(p *admin.Progress) string {
	done := 0
	for _, t := range p.Tables {
		if t.Phase == "done" {
			done++
		}
	}
	text := fmt.Sprintf("version %d is deploying: %d of %s done, %d of about %s", p.Version.ID, done, count(int64(len(p.Tables)), "table"), p.Rows, count(p.Estimated, "row"))
	if p.Seconds > 1 {
		text += fmt.Sprintf(", %s left", took(p.Seconds))
	}
	if len(p.Waiting) > 0 {
		text += "; " + strings.Join(p.Waiting, "; ")
	}
	return text
}

func (v *progressView) end(p *admin.Progress) error {
	if v.json {
		return errors.Join(v.line(p), errDone)
	}
	text := fmt.Sprintf("version %d is %s", p.Version.ID, p.Version.State)
	if p.Version.Reason != "" {
		text += ": " + p.Version.Reason
	}
	_, err := fmt.Fprintln(v.out, text)
	return errors.Join(err, errDone)
}
