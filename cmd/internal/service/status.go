package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"runtime/metrics"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/reply"
	"github.com/weirsync/weir/cmd/internal/deploys"
	"github.com/weirsync/weir/replicator"
)

// administered is what the admin API sees of the sources.
type administered struct {
	sources sources
	store   *buckets.Store
}

// Status describes each source.
func (a administered) Status() []admin.SourceStatus {
	out := []admin.SourceStatus{}
	for _, src := range a.sources {
		h := src.Health()
		s := admin.SourceStatus{
			Name: h.Source, State: string(h.State), Since: h.Since, Waiting: h.Waiting, Faults: faultsOf(h.Faults), Warnings: faultsOf(h.Warnings),
			Position: h.Position.String(), Head: h.Head.String(), LagBytes: h.Lag, LagSeconds: h.LagTime.Seconds(),
			Slot: slotStatus(src.Slot(), &h.Slot), Tables: []admin.TableStatus{},
		}
		applied := a.store.Applied(h.Source)
		for _, p := range src.Progress() {
			s.Tables = append(s.Tables, tableStatus(&p, applied))
		}
		out = append(out, s)
	}
	return out
}

func faultsOf(faults replicator.Faults) (out []admin.Fault) {
	for _, f := range faults {
		out = append(out, admin.Fault{Code: string(f.Code), Message: f.Message, Hint: f.Hint})
	}
	return out
}

func slotStatus(name string, h *replicator.SlotHealth) admin.SlotStatus {
	s := admin.SlotStatus{Name: name, WALStatus: h.Status}
	if h.Checked.IsZero() {
		return s
	}
	s.Checked = &h.Checked
	if h.Safe >= 0 {
		s.Safe = &h.Safe
	}
	if h.Budget >= 0 {
		s.Budget = &h.Budget
	}
	return s
}

func tableStatus(p *replicator.TableProgress, applied buckets.Position) admin.TableStatus {
	t := admin.TableStatus{
		ID: uint32(p.Table), Schema: p.Schema, Name: p.Name, Generation: uint32(p.Generation), Phase: deploys.Phase(p),
		Rows: p.Rows, Estimated: p.Estimated, Bytes: p.Bytes, Rate: p.Rate, Partial: p.Partials,
		Waiting: p.Waiting, Paused: p.Paused, Asked: p.Asked, Failed: p.Failed,
	}
	if left := p.Left().Seconds(); left > 0 {
		t.Left = &left
	}
	if p.Fence > 0 {
		distance := int64(max(p.Fence, applied) - applied)
		t.FenceBytes = &distance
	}
	return t
}

// Resnapshot passes a request on to its source.
func (a administered) Resnapshot(ctx context.Context, r admin.ResnapshotRequest) ([]admin.ResnapshotTable, error) {
	src, err := a.source(r.Source)
	if err != nil {
		return nil, err
	}
	var tables []buckets.Table
	switch r.Action {
	case admin.ResnapshotStart:
		tables, err = src.Resnapshot(ctx, replicator.ResnapshotRequest{Schema: r.Schema, Table: r.Table, Where: r.Where})
	case admin.ResnapshotPause:
		tables, err = src.Pause(r.Schema, r.Table)
	case admin.ResnapshotResume:
		tables, err = src.Resume(r.Schema, r.Table)
	case admin.ResnapshotCancel:
		tables, err = src.Cancel(ctx, r.Schema, r.Table)
	}
	if err != nil {
		return nil, refusal(err)
	}
	out := []admin.ResnapshotTable{}
	for _, t := range tables {
		out = append(out, admin.ResnapshotTable{Source: t.Source, ID: uint32(t.ID), Generation: uint32(t.Generation)})
	}
	return out, nil
}

// source finds a source by name; "" is the only one.
func (a administered) source(name string) (*replicator.Source, error) {
	var names []string
	for _, src := range a.sources {
		if src.Name() == name || name == "" && len(a.sources) == 1 {
			return src, nil
		}
		names = append(names, src.Name())
	}
	text := fmt.Sprintf("There is no source %q", name)
	if name == "" {
		text = "Say which source"
	}
	return nil, &reply.Error{Status: http.StatusNotFound, Code: "WEIR_NO_SOURCE", Text: text, Details: fmt.Sprintf("configured are %q", names)}
}

// refusal gives the errors that the sender is to learn of their form.
func refusal(err error) error {
	var condition *replicator.ConditionError
	switch {
	case errors.As(err, &condition):
		return &reply.Error{Status: http.StatusBadRequest, Code: "WEIR_CONDITION", Text: "The condition is no good", Details: condition.Error()}
	case errors.Is(err, replicator.ErrNoTable):
		return &reply.Error{Status: http.StatusNotFound, Code: "WEIR_NO_TABLE", Text: "There is no such table", Details: err.Error()}
	case errors.Is(err, buckets.ErrReading):
		return &reply.Error{Status: http.StatusConflict, Code: "WEIR_READING", Text: "The table is being read already", Details: "wait for its end, or cancel it if it was asked for"}
	case errors.Is(err, replicator.ErrNotAsked):
		return &reply.Error{Status: http.StatusConflict, Code: "WEIR_NOT_ASKED", Text: "There is nothing to cancel", Details: err.Error()}
	case errors.Is(err, replicator.ErrNotConnected):
		return &reply.Error{Status: http.StatusServiceUnavailable, Code: "WEIR_NOT_CONNECTED", Text: "The source is not connected", Details: "see weir status"}
	}
	return err
}

// memory tells what the process uses. The store's file is mapped: its pages are the system's.
func (s *Service) memory() admin.MemoryStatus {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return admin.MemoryStatus{
		Used: int64(samples[0].Value.Uint64() - samples[1].Value.Uint64()), Limit: debug.SetMemoryLimit(-1),
		SnapshotLimit: int64(s.cfg.Snapshot.MemoryLimit),
	}
}
