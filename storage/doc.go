// Package storage is the bbolt file of a weir: its keys, codecs, transactions and check. It knows bytes, not rules: package
// buckets decides what to write, this package how it stands on disk.
//
// # Format version 3
//
// One bbolt file. Each section is a top-level bbolt bucket; all integers in keys are big-endian, so that cursors walk in order.
// Text records are JSON, hot records are binary. uv is an unsigned varint, bytes is uv length + bytes.
//
//	section      key                                value
//	meta         "format"                           "weir store 3"
//	             "counters"                         next ids, see below
//	             "checkpoint"                       the published checkpoint, see below
//	             "write floor"                      u64 greatest number that a forgotten write checkpoint had
//	             "memo/" name                       a small value of a layer above, opaque here
//	sources      source name                        JSON Source (identity, slot, publication)
//	positions    source name                        u64 position applied and durable (I2)
//	versions     u32 version                        JSON Version (text, state, definitions)
//	definitions  u64 definition                     JSON Definition (fingerprint, name)
//	tables       u32 table                          JSON Table (relation, generation, phase, progress)
//	strings      u32 string                         output table name
//	names        u64 definition | name or hash      u64 bucket
//	buckets      u64 bucket                         bucket state
//	ops          u64 bucket | u64 last op id        op block
//	tail         the same                           op block of less than 4 KiB
//	loads        u64 load | u64 bucket |            the same, for a while: of an update with blocks for many buckets (loads.go)
//	             u64 last op id
//	recent       u32 table | row key                row state, the newest (runs.go)
//	runs         u32 table | u32 0                  u32 first run, u32 next, u32 merging, uv rows, uv rows in section rows,
//	                                                bytes merged up to
//	             u32 table | u32 run | row key      up to about 8 KiB of rows, the last one with that key: (bytes row key,
//	                                                bytes row state) each; of a row in several runs the one in the newest counts
//	rows         u32 table | row key                row state, if neither recent nor runs has the row
//	images       u32 table | row key                row image: texts that can be unchanged TOAST
//	marks        u32 table | row key                tombstone, or partial row
//	params       u64 definition | bytes lookup |    values
//	             u64 row | u64 digest | u64 op id
//	garbage      u64 op id | params key             empty: entries up to that op id can go once it is published
//	write        write checkpoint key               u64 number, heads as the checkpoint's positions, u64 unix seconds
//	staging      bytes source | u32 part            changes of a big transaction: u8 codec, uv raw len, payload, u32 CRC32C
//	staged       source name                        JSON Staged: its commit was received
//
// Counters: ids handed out next. Definition ids start at a random tag of the store and op ids at unix ms << 20 (I3, I3b).
//
//	+--------+--------+------------+---------+---------+----------+
//	| op u64 | bucket | definition | table   | version | string   |
//	|        |  u64   |    u64     |  u32    |   u32   |   u32    |
//	+--------+--------+------------+---------+---------+----------+
//
// Checkpoint: everything with an op id up to it is visible under the version (I4). The source positions say which write
// checkpoints it has reached.
//
//	+--------+-------------+----------+--------------------------------+
//	| op u64 | version u32 | uv count | count x (bytes name, u64 pos)  |
//	+--------+-------------+----------+--------------------------------+
//
// Bucket state: what a fresh client would get, without a scan (I5). The pending part counts ops above the checkpoint that was
// current when they were written; it is folded into the base by the first write after they became visible, so that
// publishing a checkpoint touches no bucket.
//
//	+----------------+------------+------------+-------------+----------+---------------+--------------+------------+
//	| u64 definition | bytes name | uv base    | u32 base    | uv base  | uv pending    | u32 pending  | uv pending |
//	|                |            | count      | checksum    | last op  | count         | checksum     | last,first |
//	+----------------+------------+------------+-------------+----------+---------------+--------------+------------+
//	| uv stale PUTs  | uv small   | uv target of compaction  | uv done up to                                         |
//	|                | blocks     |                          |                                                       |
//	+----------------+------------+--------------------------+-------------------------------------------------------+
//
// Op block: the ops that one flush gave one bucket, at most about 64 KiB of them before compression.
//
//	+----------+----------+-------------+--------------+------------+---------+------------+
//	| u8 codec | uv count | uv first op | u32 checksum | uv raw len | payload | u32 CRC32C |
//	|          |          |             | sum          |            |         | of it all  |
//	+----------+----------+-------------+--------------+------------+---------+------------+
//	payload, after decompression, count times:
//	+---------+------------------+--------------+--------------------------------------------+---------------+
//	| u8 kind | uv op id - the   | u32 checksum | PUT, REMOVE: bytes type, bytes object id,  | PUT: bytes    |
//	|         | one before       |              | bytes subkey                               | data          |
//	+---------+------------------+--------------+--------------------------------------------+---------------+
//
// The "op before" of the first op is the header's first op, so that all but the header can be made before ids are given. Codec 0 is plain, 1
// is S2.
//
// Row state: where a source row is (I12 compares with it, REMOVE is made from it).
//
//	+----------+---------------+----------+--------------------------------------------------------------+
//	| u8 flags | uv generation | uv count | count x (uv bucket, uv string, 8 digest, bytes object id)    |
//	+----------+---------------+----------+--------------------------------------------------------------+
//	| uv count | count x (uv definition, bytes lookup, 8 digest)                                         |
//	+----------+-----------------------------------------------------------------------------------------+
//
// A tombstone of generation 0 stands in recent or runs for a row that was deleted, while an older place has it.
//
// A lookup is opaque here; package buckets hashes those above 1 KiB, so that a key stays below bbolt's 32 KiB.
//
// A digest is the first 8 bytes of the op's SHA-256, whose first 4 are its checksum. The length of an object id is 0 for that
// of the placement before, 1 for the text of the row's key, else n+2 for n bytes.
//
// What belongs to a dead definition is removed in steps: its memberships in rows, or whole tables with their rows; params, names,
// buckets, ops, garbage; its record last. So everything that names a definition names one that has a record, and Check reports what
// no live version uses and nobody is removing. Only strings stay: names of output tables, a few bytes each.
//
// Blocks are rewritten by compaction (package buckets decides how), and joined when they leave loads, never the same ones at a time: one that
// takes the place of several stands under the last op of the newest of them, and op ids never change.
//
// # Copying the file
//
// A bbolt file never shrinks. CompactFile (filecopy.go) copies what is in use to FILE.compact while others read and write, noting what
// they write, and puts the copy in the place of the file; the writer waits for the last part of that. Open removes the copy of a process
// that died. A copy that has no room is given up, and the writer goes on.
//
// Backup (backup.go) makes the same copy under another name, with "memo/backup" in it: who opens a file with that memo knows that its store
// went on without it (I3, I13).
//
// Every decoder is bounds-checked and returns a CorruptionError; Check reads the whole file with all of them.
package storage
