// Package buckets turns source transactions and snapshot rows into bucket operations and checkpoints, and reads them back.
//
// # One writer
//
// bbolt has one writer, so there is one place where stream and snapshots are put in order: Store.Run. It takes what waits in its queue
// (queue.go: the stream first, at least one chunk) into a batch, and a batch is one bbolt update: ops, row states, positions and
// progress become durable together (I2, I6), or not at all. While one batch is fsynced the next one gathers, so commits group
// themselves under load, and an idle store commits a single row at once.
//
//	Apply, SaveChunk, ... ──► queue ──► batch: overlay of rows ──► flush: rules, ops, sorted puts ──► fsync ──► feed
//
// What it wrote of buckets it remembers, 32 MiB of it at most, until it has written to none for some seconds (known.go).
//
// In a batch, rows are changed in an overlay (row.go), and only their end state is evaluated and compared with the state in the file
// (flush.go). A row that changes a hundred times in a batch costs one op, a row that ends as it began costs none (I12). Clients see the
// same: they go from checkpoint to checkpoint, and a batch ends at a transaction's end (I1).
//
// # Rows, placements, digests
//
// A row state lists the row's live PUTs (placements) with a digest of their data, and its live parameter rows. The difference between
// the placements there are and the ones that the rules want is what becomes PUTs and REMOVEs. Values that an UPDATE may leave out
// because they are TOASTed are kept beside it if the row has at least 1 KiB of text; others are read again when they are missed.
// Options.RowImages keeps none, or whole rows.
//
// Row states come with random keys, all over the tree of them. Those of single commits go to a small tree in front of it, those of a
// chunk or of many commits at once become a sorted run, and runs are merged into the tree when they are many or have grown large beside
// it (merge.go; storage/runs.go has the reason and the figures). Reading a row looks in all places, so nothing else knows of them.
//
// Who brings a chunk prepares it, to its last byte but the op ids if it is of a first snapshot (prepare.go, pack.go). Its small blocks for many
// buckets stand in loads until no more chunks come, and so do those of a backlog or a wide commit; a few at most, for a moment,
// while the gate is open and clients read them (load.go, storage/loads.go).
//
// A chunk is one job before clients are served, and some portions while they are, so that a commit of the active version never waits for a
// whole one (portion.go).
//
// # Stream wins (I8)
//
// stream.go and snapshot.go are architecture 5.5 as code. Two things are easily got wrong:
//   - Images are kept selectively, so a value can be unknown although the stream brought it. A chunk that was read earlier
//     must not fill it then: such a column counts as moved. TestModel found this.
//   - Touched, unverified and tombstones mean something only while the row's generation is the table's and unfinished, so that finishing
//     a table rewrites no row. What an older generation left counts as absent, except for its placements.
//
// A row in another shape than its table's begins the table anew in the same batch, so no checkpoint shows rows of two shapes (I13). The next
// generation can be of another relation, too, one that has replaced the table's in the source: its rows are compared with the old one's (I12).
//
// What a chunk or a re-read brought may be ahead of the stream: it is unverified until a fence has passed it. The first fence verifies all
// that chunks brought, each later one what was re-read before it, also if other rows are partial then: so a busy table comes to an end.
//
// Equal rows of a table without a key are one row here (bag.go). Whether one is left behind a DELETE is asked of the source, unless it
// is known to have been the only one: the row is partial meanwhile.
//
// A table that gets a partial row when it is Done goes back to Repairing: the gate (I9) closes until a re-read and another
// fence have passed.
//
// # Visibility
//
// Nothing is seen before it is published (I4): a checkpoint record in the file names an op id, and readers count only ops up to it. A
// bucket's state has a pending part for what is above (storage.Bucket), so publishing touches no bucket (I5). Op ids are handed out at
// apply time by the one writer, and the gate is global, so nothing ever becomes visible below a published checkpoint (I3b).
//
// # A full disk
//
// Before a batch is applied the writer looks whether the disk has room for it beside a reserve (room.go). If not, it waits: nothing is
// applied, no position moves, so nothing is acknowledged (I2), the queues fill up and hold the stream back, and readers go on. bbolt may
// meet the end of the disk nevertheless. The file is as before then, but the writer's memory is ahead of it, so the store has to be opened
// anew: Run returns ErrDiskFull once there is room, and readers go on until then.
//
// # Backups
//
// A backup is older than what clients may have. Open knows one (restore.go): op ids go on above all that were ever given out (I3), and
// nothing is published until each source has said that its stream goes on from here (Confirm), or began its tables anew (I13).
//
// # Versions
//
//	Deploy ──► deploying ──► active ──► retiring ──► removed
//	               │  ▲                   │   │
//	               ▼  └───── Rollback ────┘   └── after KeepRetired
//	            failed
//
// The definitions of deploying, active and retiring versions live: every change is evaluated for all of them. A definition is found by
// its fingerprint, so versions share what they have in common, and a deploy builds only what no live version has (I11). A version is
// activated in the batch that makes its last table complete: one record changes, and clients' next view has it (I10). Retiring
// versions are kept fresh but never hold the gate (I9); there are RetiringMax at most, because each costs space and evaluation. If a
// table of one needs another generation it is read again as that of a deploying version is: a version that is kept but not fresh would be
// of no use. A rollback to it waits for that; any other is one step, because Rollback only makes the version deploying again, and
// nothing of it is missing.
//
// Where whole rows are kept, a new tracked table is copied from a complete one of its relation, and the source is not read (copy.go). The
// writer does both, so the copy is exact at every moment: it needs neither Barrier nor fence.
//
// A definition that no live version has is dead at once: never evaluated, never revived under its id (I3b). Row states lose it as
// they are read, without ops, since no client will get its buckets again; what is not read is reclaimed (reclaim.go).
//
// # Chores
//
// Work that no commit waits for is done in bounded steps, each in an update of its own: sweeps after a fence, copies, versions whose
// time is over, reclaim, merging of runs (chore.go). Steps follow each other while the writer has nothing else to do; otherwise they take
// at most a fifth of its time, so a commit waits for one step, not for a chore. What is left to do can be seen in the file.
//
// # Compaction
//
// Updates make PUTs and REMOVEs superfluous, and single commits make small blocks. A pass (compactpass.go) rewrites one bucket as of one
// published checkpoint: superseded ops become MOVE, neighbouring small blocks one, and the leading run without a PUT one CLEAR. Clients
// notice nothing (I7): one that resumes at any position comes to the same rows, and the bucket's sum stays (I5). Only who is still on the
// way to a checkpoint older than the pass is told, if it meets a compacted op, that this one can't be completed (View.Operations).
//
// Reading, decoding and compressing happen in read transactions, beside the writer; a step ends with a short job of the writer that swaps
// blocks. So compaction is no chore of the writer: a commit waits for the swap at most. Buckets are compacted when a commit leaves
// enough in them to gain (Store.due; figures in the bucket's state), and all are looked at at the start and every hour. Write
// checkpoints are forgotten then, too, when they are reached and were asked for more than 30 days ago.
//
// # Waking clients
//
// The feed keeps what each session watches in inverted indexes; a checkpoint wakes those whose buckets, lookups or write checkpoint it
// changed, and its cost does not grow with the others. A subscription holds a set of names, never a queue. Beside them the feed keeps what
// the last commits did to small buckets that somebody watches, 1 MiB at most, so that sessions need not read it (fresh.go).
package buckets
