package metrics

import "github.com/prometheus/client_golang/prometheus"

// Kind of a metric.
type Kind string

// Kinds.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Definition is a metric as docs/metrics.md shows it.
type Definition struct {
	Name   string
	Kind   Kind
	Labels []string
	Help   string

	desc *prometheus.Desc
}

var (
	ofSource = []string{"source"}
	ofSlot   = []string{"source", "slot"}
	ofTable  = []string{"source", "table"}
	ofID     = []string{"source", "table", "id"}
)

// definitions are all metrics of weir's own.
var definitions = define([]Definition{
	{"weir_build_info", Gauge, []string{"version"}, "Version of this process; always 1.", nil},
	{"weir_ready", Gauge, nil, "1 if clients can be served, as /probes/readiness says.", nil},

	{"weir_source_connected", Gauge, ofSource, "1 while the stream, or the snapshot that precedes it, is running.", nil},
	{"weir_source_state", Gauge, []string{"source", "state"}, "1 for the state that the source is in.", nil},
	{"weir_source_faults", Gauge, ofSource, "Faults of the source and its tables that an operator has to mend; the log and weir status name them.", nil},
	{"weir_source_lag_bytes", Gauge, ofSource, "WAL between the end of the server's and what is durable in the store, as last heard.", nil},
	{"weir_source_lag_seconds", Gauge, ofSource, "Time since the server's WAL ended where the store stands now; 0 if it still does.", nil},
	{"weir_source_transactions_total", Counter, ofSource, "Transactions of the source that became durable.", nil},

	{"weir_source_history_lost_total", Counter, ofSource, "Times that the stream could not go on where the store stands, as the slot was lost: all tables are read again.", nil},

	{"weir_slot_active", Gauge, ofSlot, "1 if somebody was reading the slot when it was last looked at.", nil},
	{"weir_slot_wal_status", Gauge, []string{"source", "slot", "status"}, "1 for the slot's wal_status: reserved, extended, unreserved or lost; 0 for all if it is gone.", nil},
	{"weir_slot_safe_bytes", Gauge, ofSlot, "WAL that can still be written before the slot may be lost; absent while there is no limit.", nil},
	{"weir_slot_retained_bytes", Gauge, ofSlot, "WAL that the server keeps for the slot.", nil},
	{"weir_slot_unconfirmed_bytes", Gauge, ofSlot, "WAL between what weir has acknowledged and the end: the server's own view of the lag.", nil},
	{"weir_slot_checked_timestamp_seconds", Gauge, ofSlot, "When the slot was last looked at.", nil},

	{"weir_table_rows_total", Counter, []string{"source", "table", "operation"}, "Row changes that became durable; operation snapshot is rows of chunks.", nil},
	{"weir_table_transactions_total", Counter, ofTable, "Transactions that changed the table.", nil},

	{"weir_commit_durable_seconds", Histogram, ofSource, "From the commit at the source, by its clock, until it is durable.", nil},
	{"weir_commit_published_seconds", Histogram, ofSource, "From the commit at the source, by its clock, until it is in a checkpoint that clients can get.", nil},
	{"weir_commit_sent_seconds", Histogram, nil, "From the oldest commit that a round tells a client until the round is sent.", nil},

	{"weir_snapshot_phase", Gauge, []string{"source", "table", "id", "phase"}, "1 for the phase of the tracked table: registered, chunking, repairing or done.", nil},
	{"weir_snapshot_rows", Gauge, ofID, "Rows that the chunks of the table's generation have stored.", nil},
	{"weir_snapshot_estimated_rows", Gauge, ofID, "Rows of the table by its last ANALYZE; absent if unknown.", nil},
	{"weir_snapshot_partial_rows", Gauge, ofID, "Rows with values that have to be read again.", nil},
	{"weir_snapshot_unfinished_tables", Gauge, ofSource, "Tracked tables that are not done.", nil},

	{"weir_writer_queue_bytes", Gauge, []string{"queue"}, "What waits for the writer.", nil},
	{"weir_writer_queue_limit_bytes", Gauge, []string{"queue"}, "Bound of the queue: beyond it the stream or the snapshots wait.", nil},
	{"weir_writer_batches_total", Counter, nil, "Updates of the store.", nil},
	{"weir_writer_busy_seconds_total", Counter, nil, "Time that the writer spent in updates.", nil},
	{"weir_writer_row_errors_total", Counter, nil, "Rules that could not be evaluated for a row, which was left out.", nil},

	{"weir_store_failed", Gauge, nil, "1 if the store has stopped: nothing is written any more.", nil},
	{"weir_store_size_bytes", Gauge, nil, "Size of the store's file.", nil},
	{"weir_store_free_bytes", Gauge, nil, "Pages of the file that can be written to, before it grows.", nil},
	{"weir_store_free_pages", Gauge, nil, "Free pages of the file.", nil},
	{"weir_store_pending_pages", Gauge, nil, "Pages that get free once the readers of now are gone.", nil},

	{"weir_store_disk_full", Gauge, nil, "1 while nothing is stored for want of room on the disk; clients are served what there is.", nil},
	{"weir_store_disk_free_bytes", Gauge, nil, "Room on the disk of the store, as the writer last saw it.", nil},
	{"weir_store_disk_reserve_bytes", Gauge, nil, "Room below which nothing is stored: store.disk_reserve.", nil},

	{"weir_checkpoints_total", Counter, nil, "Checkpoints published.", nil},
	{"weir_checkpoint_timestamp_seconds", Gauge, nil, "When the last checkpoint was published; absent before the first.", nil},
	{"weir_checkpoint_held", Gauge, nil, "1 while commits are stored and not published, until a snapshot of the active version is complete.", nil},
	{"weir_operations_total", Counter, nil, "Operations written to buckets.", nil},

	{"weir_compaction_buckets_total", Counter, nil, "Passes of compaction that changed a bucket.", nil},
	{"weir_compaction_operations_total", Counter, []string{"kind"}, "Operations that compaction made a MOVE of (moved) or that a CLEAR swallowed (dropped).", nil},
	{"weir_compaction_freed_bytes_total", Counter, nil, "Bytes of blocks that compaction freed for new data in the file.", nil},

	{"weir_connections", Gauge, nil, "Places for clients that are taken.", nil},
	{"weir_connections_limit", Gauge, nil, "Places for clients that there are: clients.max_connections.", nil},
	{"weir_sessions", Gauge, []string{"transport"}, "Sync streams that are open.", nil},
	{"weir_sessions_waiting", Gauge, []string{"transport"}, "Sync streams that wait for their client to take what is being sent.", nil},
	{"weir_sessions_total", Counter, []string{"transport"}, "Sync streams that were opened.", nil},
	{"weir_sent_lines_total", Counter, []string{"transport"}, "Lines sent to clients.", nil},
	{"weir_sent_bytes_total", Counter, []string{"transport"}, "Bytes of lines sent to clients, before compression and framing.", nil},
	{"weir_stalls_total", Counter, []string{"transport"}, "Times that a client took nothing for a second while there was something to send.", nil},
	{"weir_auth_failures_total", Counter, []string{"code"}, "Requests whose token was refused.", nil},
	{"weir_request_failures_total", Counter, []string{"code"}, "Other requests and streams that failed, by the code that the client was told.", nil},

	{"weir_deploy_versions", Gauge, []string{"state"}, "Rules versions in the state: deploying, active, retiring, removed or failed.", nil},
	{"weir_deploy_active_version", Gauge, nil, "Number of the active rules version; absent while there is none.", nil},
	{"weir_deploy_started_timestamp_seconds", Gauge, nil, "When the deploy that is running began; absent while there is none.", nil},
})

func define(list []Definition) map[string]*Definition {
	byName := make(map[string]*Definition, len(list))
	for i := range list {
		d := &list[i]
		d.desc = prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
		byName[d.Name] = d
	}
	return byName
}
