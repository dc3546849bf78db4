// Package statusview shows a weir's status: with bars to people at a terminal, as plain lines of facts elsewhere.
package statusview

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weirsync/weir/clients/admin"
)

// Write shows s. With bars it is for people; without, each line has the facts as key=value.
func Write(w io.Writer, s *admin.Overview, bars bool) error {
	p := &page{bars: bars}
	for i := range s.Sources {
		p.source(&s.Sources[i])
	}
	p.versions(s.Versions)
	p.memory(s.Memory)
	p.store(&s.Store)
	_, err := io.WriteString(w, p.text.String())
	return err
}

type page struct {
	bars bool
	text strings.Builder
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

func (p *page) source(s *admin.SourceStatus) {
	lag := fmt.Sprintf("lag %s, %s", size(s.LagBytes), seconds(s.LagSeconds))
	if p.bars {
		p.line("source %s: %s since %s, at %s (%s)", s.Name, s.State, s.Since.Format(time.DateTime), s.Position, lag)
		p.line("  slot %s", slot(&s.Slot))
	} else {
		p.line("source=%s state=%q since=%s position=%s head=%s lag_bytes=%d lag_seconds=%.1f %s", s.Name, s.State,
			s.Since.UTC().Format(time.RFC3339), s.Position, s.Head, s.LagBytes, s.LagSeconds, slotFacts(&s.Slot))
	}
	if s.Waiting != "" {
		p.note(s.Name, "waits for", s.Waiting, "")
	}
	for _, f := range s.Faults {
		p.note(s.Name, "fault", f.Message, f.Hint)
	}
	for _, f := range s.Warnings {
		p.note(s.Name, "warning", f.Message, f.Hint)
	}
	for i := range s.Tables {
		p.table(s.Name, &s.Tables[i])
	}
}

func (p *page) note(source, kind, text, hint string) {
	if !p.bars {
		p.line("source=%s %s=%q hint=%q", source, strings.ReplaceAll(kind, " ", "_"), text, hint)
		return
	}
	p.line("  %s: %s", kind, text)
	if hint != "" {
		p.line("    = %s", hint)
	}
}

func slot(s *admin.SlotStatus) string {
	if s.Checked == nil {
		return s.Name + ": not seen yet"
	}
	safe := "without a limit on its WAL"
	if s.Safe != nil {
		safe = size(*s.Safe) + " until it may be lost"
	}
	return fmt.Sprintf("%s: WAL %s, %s", s.Name, s.WALStatus, safe)
}

func slotFacts(s *admin.SlotStatus) string {
	text := fmt.Sprintf("slot=%s wal_status=%q", s.Name, s.WALStatus)
	if s.Safe != nil {
		text += fmt.Sprintf(" safe_bytes=%d", *s.Safe)
	}
	return text
}

func (p *page) versions(versions []admin.Version) {
	if len(versions) == 0 {
		p.line("no rules version: deploy one")
	}
	for _, v := range versions {
		if p.bars {
			p.line("rules version %d: %s since %s %s", v.ID, v.State, v.Changed.Format(time.DateTime), v.Message)
		} else {
			p.line("version=%d state=%s since=%s", v.ID, v.State, v.Changed.UTC().Format(time.RFC3339))
		}
	}
}

func (p *page) memory(m admin.MemoryStatus) {
	if p.bars {
		p.line("memory %s %s of %s, snapshots may take %s", bar(m.Used, m.Limit), size(m.Used), size(m.Limit), size(m.SnapshotLimit))
	} else {
		p.line("memory_used_bytes=%d memory_limit_bytes=%d snapshot_limit_bytes=%d", m.Used, m.Limit, m.SnapshotLimit)
	}
}

// store shows the file, what keeps it from growing, and a copy that is being made.
func (p *page) store(s *admin.StoreStatus) {
	if !p.bars {
		p.line("store_bytes=%d store_free_bytes=%d disk_free_bytes=%d disk_reserve_bytes=%d disk_full=%t hint=%q",
			s.Bytes, s.Free, s.DiskFree, s.Reserve, s.Full, s.Hint)
	} else {
		p.line("store %s, the disk has %s left", size(s.Bytes), size(s.DiskFree))
	}
	if s.Full && p.bars {
		p.line("  the disk is full: nothing is stored since %s; %s are kept free", s.Since.Format(time.DateTime), size(s.Reserve))
		p.line("    = %s", s.Hint)
	}
	if c := s.Copy; c != nil && p.bars {
		p.line("  copying to %s %s %s of %s", c.Path, bar(c.Bytes, c.Whole), size(c.Bytes), size(c.Whole))
	} else if c != nil {
		p.line("copy=%q copied_bytes=%d of_bytes=%d", c.Path, c.Bytes, c.Whole)
	}
}
