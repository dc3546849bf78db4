package metrics

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/replicator"
)

var (
	states = []string{
		string(replicator.Connecting), string(replicator.Validating), string(replicator.Standby), string(replicator.Waiting),
		string(replicator.Snapshot), string(replicator.Streaming), string(replicator.Stopped),
	}
	walStatuses   = []string{"reserved", "extended", "unreserved", "lost"}
	phases        = []string{"registered", "chunking", "repairing", "done"} // in the order of buckets.Phase
	versionStates = []buckets.VersionState{buckets.Deploying, buckets.Active, buckets.Retiring, buckets.Removed, buckets.Failed}
)

func (s samples) source(src Source) {
	h := src.Health()
	s.set("weir_source_connected", truth(h.Connected), h.Source)
	s.one("weir_source_state", string(h.State), states, h.Source)
	s.set("weir_source_faults", float64(len(h.Faults)), h.Source)
	s.set("weir_source_lag_bytes", float64(h.Lag), h.Source)
	s.set("weir_source_lag_seconds", h.LagTime.Seconds(), h.Source)
	s.set("weir_source_history_lost_total", float64(h.Losses), h.Source)
	if slot := h.Slot; !slot.Checked.IsZero() {
		s.one("weir_slot_wal_status", slot.Status, walStatuses, h.Source, src.Slot)
		s.set("weir_slot_active", truth(slot.Active), h.Source, src.Slot)
		s.set("weir_slot_checked_timestamp_seconds", seconds(slot.Checked), h.Source, src.Slot)
		s.slotSizes(slot, h.Source, src.Slot)
	}
	s.snapshots(h.Source, src.Progress())
}

// slotSizes are unknown of a slot that is gone.
func (s samples) slotSizes(slot replicator.SlotHealth, labels ...string) {
	if slot.Status == "" {
		return
	}
	s.set("weir_slot_retained_bytes", float64(slot.Retained), labels...)
	s.set("weir_slot_unconfirmed_bytes", float64(slot.Behind), labels...)
	if slot.Safe >= 0 {
		s.set("weir_slot_safe_bytes", float64(slot.Safe), labels...)
	}
}

func (s samples) snapshots(source string, tables []replicator.TableProgress) {
	unfinished := 0
	for i := range tables {
		t := &tables[i]
		labels := []string{source, t.Schema + "." + t.Name, strconv.FormatUint(uint64(t.Table), 10)}
		s.one("weir_snapshot_phase", phases[t.Phase], phases, labels...)
		s.set("weir_snapshot_rows", float64(t.Rows), labels...)
		s.set("weir_snapshot_partial_rows", float64(t.Partials), labels...)
		if t.Estimated > 0 {
			s.set("weir_snapshot_estimated_rows", float64(t.Estimated), labels...)
		}
		if t.Phase != buckets.Done {
			unfinished++
		}
	}
	s.set("weir_snapshot_unfinished_tables", float64(unfinished), source)
}

func (s samples) store(store *buckets.Store) {
	s.set("weir_store_failed", truth(store.Failure() != nil))
	st, err := store.Stats()
	if err != nil {
		return // the file is closed: the process ends
	}
	for i := range st.Sources {
		src := &st.Sources[i]
		s.set("weir_source_transactions_total", float64(src.Transactions), src.Source)
		s.latency("weir_commit_durable_seconds", src.Durable, src.Source)
		s.latency("weir_commit_published_seconds", src.Published, src.Source)
	}
	for i := range st.Tables {
		s.table(&st.Tables[i])
	}
	s.writer(&st)
	s.set("weir_store_size_bytes", float64(st.Space.Bytes))
	s.set("weir_store_free_bytes", float64(st.Space.Free*st.Space.PageSize))
	s.set("weir_store_free_pages", float64(st.Space.Free))
	s.set("weir_store_pending_pages", float64(st.Space.Pending))
	disk := store.Disk()
	s.set("weir_store_disk_full", truth(disk.Full))
	s.set("weir_store_disk_free_bytes", float64(disk.Free))
	s.set("weir_store_disk_reserve_bytes", float64(disk.Reserve))
	s.set("weir_checkpoints_total", float64(st.Checkpoints))
	if !st.Published.IsZero() {
		s.set("weir_checkpoint_timestamp_seconds", seconds(st.Published))
	}
	s.set("weir_checkpoint_held", truth(st.Held))
	s.set("weir_operations_total", float64(st.Ops))
	s.set("weir_compaction_buckets_total", float64(st.Compaction.Buckets))
	s.set("weir_compaction_operations_total", float64(st.Compaction.Moved), "moved")
	s.set("weir_compaction_operations_total", float64(st.Compaction.Dropped), "dropped")
	s.set("weir_compaction_freed_bytes_total", float64(st.Compaction.Bytes))
}

func (s samples) table(t *buckets.TableStats) {
	for _, op := range []struct {
		name string
		n    int64
	}{
		{"insert", t.Inserted},
		{"update", t.Updated},
		{"delete", t.Deleted},
		{"truncate", t.Truncated},
		{"snapshot", t.Snapshot},
	} {
		s.set("weir_table_rows_total", float64(op.n), t.Source, t.Table, op.name)
	}
	s.set("weir_table_transactions_total", float64(t.Transactions), t.Source, t.Table)
}

func (s samples) writer(st *buckets.Stats) {
	s.set("weir_writer_queue_bytes", float64(st.Queue.Stream), "stream")
	s.set("weir_writer_queue_bytes", float64(st.Queue.Chunks), "snapshot")
	s.set("weir_writer_queue_limit_bytes", float64(st.Queue.Limit), "stream")
	s.set("weir_writer_queue_limit_bytes", float64(st.Queue.Limit), "snapshot")
	s.set("weir_writer_batches_total", float64(st.Batches))
	s.set("weir_writer_busy_seconds_total", st.Busy.Seconds())
	s.set("weir_writer_row_errors_total", float64(st.RowErrors))
}

func (s samples) deploys(versions []buckets.Version) {
	count := map[buckets.VersionState]int{}
	for i := range versions {
		v := &versions[i]
		count[v.State]++
		switch v.State {
		case buckets.Active:
			s.set("weir_deploy_active_version", float64(v.ID))
		case buckets.Deploying:
			s.set("weir_deploy_started_timestamp_seconds", seconds(v.Changed))
		}
	}
	for _, state := range versionStates {
		s.set("weir_deploy_versions", float64(count[state]), string(state))
	}
}

func (s samples) clients(st clients.Stats) {
	s.set("weir_connections", float64(st.Connections))
	s.set("weir_connections_limit", float64(st.MaxConnections))
	s.latency("weir_commit_sent_seconds", st.Sent)
	for _, name := range slices.Sorted(maps.Keys(st.Transports)) {
		t, label := st.Transports[name], string(name)
		s.set("weir_sessions", float64(t.Sessions), label)
		s.set("weir_sessions_waiting", float64(t.Waiting), label)
		s.set("weir_sessions_total", float64(t.Opened), label)
		s.set("weir_sent_lines_total", float64(t.Lines), label)
		s.set("weir_sent_bytes_total", float64(t.Bytes), label)
		s.set("weir_stalls_total", float64(t.Stalls), label)
	}
	for code, n := range st.AuthFailures {
		s.set("weir_auth_failures_total", float64(n), code)
	}
	for code, n := range st.Failures {
		s.set("weir_request_failures_total", float64(n), code)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
