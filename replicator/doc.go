// Package replicator brings a Postgres database into a buckets.Store: one replication stream, beside it snapshots of the tables
// that the rules read. The two meet only in the store's writer.
//
// A Source is one database with its slot and its publication. Run is a loop of sessions; a session is:
//
//	open       reach and validate the server, hold it against other weirs, find out whether the stream can go on where the
//	           store stands (I13), make publication and slot     open.go validate.go hold.go identify.go publication.go slot.go
//	drive      plan from rules and catalog, track tables, run rounds   drive.go plan.go catalog.go published.go types.go match.go
//	  round      marker, begin generations, Barrier, chunks, fence     drive.go marker.go barrier.go
//	  chunks     ranges of rows in short transactions                  snapshot.go chunk.go keyrange.go copytext.go progress.go
//	  fence      re-read partial rows, then the marker                 finish.go reread.go recent.go
//	stream     read, decode, hand over transactions                    stream.go assemble.go slab.go pgoutput/
//	  report     status updates, on time whatever the reader waits for status.go
//	standby      faults and identity of it and its primary             standby.go
//	  replay     waiting for it; nothing from after a promotion        replay.go
//
// While it runs, people can have a table read again (resnapshot.go, condition.go), and see how far everything is (tasks.go health.go
// lag.go); the slot's WAL is watched at each look at the catalog and before each chunk (slothealth.go).
//
// Beside a running source, and without one: Examine looks at everything that replication needs (examine.go survey.go), SetupSQL prepares a
// database for a role that owns nothing (setupsql.go publishfunction.go), Teardown drops what is left (teardown.go). Each fault has a code
// (code.go), which the failure handbook explains.
//
// Driver and stream share only the registry (registry.go): the driver says which relations are replicated and how the catalog
// describes them; the stream says which it met in another shape, or not at all.
//
// # Why it is right
//
// The algorithm is that of section 5 of the architecture. What follows is where the code keeps it:
//
//   - A slot is made before anything is read, a generation begins before its Barrier, the Barrier before its chunks. The Barrier
//     waits for xids, because a commit can be in the stream and not be visible, or be visible and not be in the stream.
//   - A relation gets into the registry before its generation begins. Transactions that the stream skipped until then had
//     committed before the Barrier, so chunks see them.
//   - A table is read to where it ended behind the Barrier: what is added later is the stream's, and no table is outgrown by itself.
//   - A chunk locks, then checks, then reads, then flushes (type reading). A table that is not what its plan was made of begins
//     anew behind a marker, so that what the stream still brings in the old shape is not taken for the new generation's.
//   - A relation that has the name of a tracked table's, which is gone, is its next generation, behind a marker like any other change of
//     the table (successor.go): a table that is made again sends only what differs.
//   - A resnapshot by hand is a generation like any other: its progress only says that it was asked for, and with what condition. With
//     one, rows that are not read keep their state, and nothing is swept.
//   - An advisory lock, on a session of its own, is held from before the slot is looked at until the session's end. The slot admits one
//     reader too, but not before the stream begins.
//   - A re-read has to see what the stream has applied, and waits for that only (recent.go): clients don't wait for a transaction of the
//     application that stays open.
//   - The acknowledged position is the store's durable one, at most what this connection has spoken of (I2). Positions of keepalives
//     count only between transactions.
//   - When history is lost, generations begin before the store takes the new slot's position: a crash between the two finds it
//     lost again.
//
// TestInterleaving names, for each interleaving that breaks an obvious design, the test that forces it; TestMoments forces each change of a
// row at each point of a snapshot, TestKilledAt a kill -9 at each point. A ledger in these tests shows at every checkpoint whether the
// source had that state (I1).
//
// The reader hands transactions to the store directly and not through a queue of its own: the store's queue is bounded in bytes and
// reports are sent by another goroutine, so a stalled writer stops the reader and nothing else (I14).
//
// # Standbys
//
// A source can be a standby whose primary is named beside it (PostgreSQL 16). What has to be written, or waited for, is the primary's:
// catalog, publication, markers, Barrier, head. Slot, stream, chunks and the hold are the standby's.
//
//   - Behind the primary's Barrier comes a marker, and each reading first waits until its server has replayed that. What a standby
//     streams it has replayed and shows, so the weak barrier is no more than that wait.
//   - A slot is made behind a marker too: one from before the publication would stream nothing of it.
//   - A standby shows what its primary has flushed, so its chunks need no message.
//   - Nothing is handed to the store that was streamed after a promotion: what is streamed is compared with how far a standby that was
//     still one had replayed. So the promoted server's history goes on where the store stands.
//
// # Modes
//
// In sequential mode one table is read at a time, a chunk while the two before it are being prepared and saved; and while no table has ever
// been completed the stream waits until all are read: the source keeps the WAL meanwhile. In concurrent mode the stream runs from the
// first moment, and Workers chunks are in flight at a time, of several tables and of several sections of a large one. That is all the
// difference: the gate opens later, and there is less in flight. A crash makes the chunks in flight to be read again, and no others.
package replicator
