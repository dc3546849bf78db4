package statusview

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirsync/weir/clients/admin"
)

// table shows how far a tracked table is.
func (p *page) table(source string, t *admin.TableStatus) {
	if !p.bars {
		p.line("source=%s table=%s.%s generation=%d phase=%s%s", source, t.Schema, t.Name, t.Generation, t.Phase, facts(t))
		return
	}
	name := t.Schema + "." + t.Name
	switch t.Phase {
	case "done":
		p.line("  %-32s done, %s rows read", name, count(t.Rows))
	case "reading":
		p.line("  %-32s %s %s", name, bar(t.Rows, t.Estimated), reading(t))
	case "settling":
		p.line("  %-32s read; %s", name, settling(t))
	default:
		p.line("  %-32s %s", name, t.Phase)
	}
	if t.Paused {
		p.line("    paused: go on with weir resnapshot %s --resume", name)
	}
	if t.Waiting != "" {
		p.line("    waits for %s", t.Waiting)
	}
	if t.Failed != "" {
		p.line("    resnapshot given up: %s", t.Failed)
	}
}

func facts(t *admin.TableStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, " rows=%d estimated=%d bytes=%d rows_per_second=%.0f", t.Rows, t.Estimated, t.Bytes, t.Rate)
	if t.Left != nil {
		fmt.Fprintf(&b, " eta_seconds=%.0f", *t.Left)
	}
	if t.FenceBytes != nil {
		fmt.Fprintf(&b, " fence_bytes=%d", *t.FenceBytes)
	}
	if t.Partial > 0 {
		fmt.Fprintf(&b, " partial_rows=%d", t.Partial)
	}
	if t.Paused {
		b.WriteString(" paused=true")
	}
	if t.Waiting != "" {
		fmt.Fprintf(&b, " waits_for=%q", t.Waiting)
	}
	if t.Failed != "" {
		fmt.Fprintf(&b, " failed=%q", t.Failed)
	}
	return b.String()
}

func reading(t *admin.TableStatus) string {
	text := count(t.Rows)
	if t.Estimated > 0 {
		text += " of about " + count(t.Estimated)
	}
	text += fmt.Sprintf(" rows, %s, %s rows/s", size(t.Bytes), count(int64(t.Rate)))
	if t.Left != nil {
		text += ", " + seconds(*t.Left) + " left"
	}
	return text
}

func settling(t *admin.TableStatus) string {
	switch {
	case t.Partial > 0:
		return fmt.Sprintf("%d rows are read again by key", t.Partial)
	case t.FenceBytes != nil:
		return "its fence is " + size(*t.FenceBytes) + " ahead in the stream"
	}
	return "its fence comes next"
}

const barWidth = 20

// bar draws done of all; all may be unknown.
func bar(done, all int64) string {
	if all <= 0 {
		return "[" + strings.Repeat("·", barWidth) + "]"
	}
	n := int(min(done, all) * barWidth / all)
	return "[" + strings.Repeat("█", n) + strings.Repeat("·", barWidth-n) + "]"
}

// size writes bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v := float64(n)
	for len(units) > 1 && v >= 1024 {
		v, units = v/1024, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[0])
}

// count writes a number with its thousands apart.
func count(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
