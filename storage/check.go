package storage

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
)

// Report is what Check counted.
type Report struct {
	Bytes      int64 // of the file
	Versions   int
	Tables     int
	Buckets    int
	Blocks     int
	Ops        int64
	Rows       int64
	Params     int64
	Checkpoint OpID
	Reclaiming int      // definitions that no live version has, whose storage is still being removed
	Faults     []string // what is wrong, at most maxFaults
}

const maxFaults = 100

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Faults) == 0 }

func (r *Report) fault(format string, args ...any) {
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// Check reads the whole store file at path and verifies it: bbolt's own structure, every checksum, every record, and that the sections
// agree with each other. The store must not be open elsewhere. An error means that the check could not be
// made; what is wrong with the data is in the report.
func Check(path string) (*Report, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("check store: %w", err)
	}
	if err := foreign(path); err != nil {
		return nil, err
	}
	b, err := openBolt(path, true)
	if err != nil {
		return nil, err
	}
	db := &DB{bolt: b}
	defer func() { _ = db.Close() }()
	if empty, err := db.recognise(path); err != nil || empty {
		return nil, cmp.Or(err, error(&ForeignError{Path: path, Reason: "it is empty"}))
	}
	r := &Report{}
	err = db.View(func(tx *Tx) error {
		r.Bytes = tx.bolt.Size()
		for err := range tx.bolt.Check() {
			r.fault("file structure: %v", err)
		}
		c := checker{Report: r, tx: tx, buckets: map[BucketID]*checkedBucket{}, tables: map[TableID]Table{}, dead: map[DefinitionID]bool{}}
		for _, step := range []func() error{c.meta, c.records, c.ops, c.names, c.rows, c.params, c.garbage, c.places, c.staging} {
			if err := step(); err != nil {
				if !IsCorruption(err) {
					return err
				}
				r.fault("%v", err)
			}
		}
		return nil
	})
	return r, err
}

type checker struct {
	*Report
	tx       *Tx
	counters Counters
	strings  map[uint32]string
	buckets  map[BucketID]*checkedBucket
	tables   map[TableID]Table
	dead     map[DefinitionID]bool
	paramRow map[paramID]int // live parameter rows by what rows and section params say: +1, -1
}

// checkedBucket compares what ops and rows say of a bucket. live sums a hash over the live PUTs, placed over the placements.
type checkedBucket struct {
	Bucket
	total        Tally
	atCheckpoint Tally
	live, placed uint64
}

type paramID struct {
	def    DefinitionID
	lookup string
	digest Digest
}

func (c *checker) meta() (err error) {
	if c.counters, err = c.tx.Counters(); err != nil {
		return err
	}
	cp, err := c.tx.Checkpoint()
	if err != nil {
		return err
	}
	if c.Checkpoint = cp.Op; cp.Op >= c.counters.Op {
		c.fault("the checkpoint %d is not below the next op id %d", cp.Op, c.counters.Op)
	}
	if cp.Op > 0 && cp.Version >= c.counters.Version {
		c.fault("the checkpoint is of version %d, which does not exist", cp.Version)
	}
	for name, pos := range cp.Positions {
		if stored, err := c.tx.Position(name); err != nil || stored < pos {
			c.fault("source %s: the checkpoint's position %s is above the stored %s (%v)", name, pos, stored, err)
		}
	}
	return c.tx.WriteCheckpoints("", func(string, WriteCheckpoint) bool { return true })
}

func (c *checker) records() error {
	c.strings = map[uint32]string{}
	if err := c.tx.Strings(func(id uint32, s string) error { c.strings[id] = s; return nil }); err != nil {
		return err
	}
	if err := c.tx.Sources(func(string, Source) error { return nil }); err != nil {
		return err
	}
	if err := c.tx.Definitions(func(id DefinitionID, d Definition) error {
		if c.dead[id] = d.Dead; d.Dead {
			c.Reclaiming++
		}
		return nil
	}); err != nil {
		return err
	}
	used := map[DefinitionID]bool{}
	if err := c.tx.Versions(func(id VersionID, v Version) error {
		c.Versions++
		for _, def := range v.Definitions {
			if v.Live() {
				used[def] = true
				c.alive(def, "version %d", id)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for id, dead := range c.dead {
		if !dead && !used[id] {
			c.fault("definition %d belongs to no live version, and is not being removed", id)
		}
	}
	return c.tx.Tables(func(id TableID, t Table) error {
		c.Tables++
		c.tables[id] = t
		for _, def := range t.Definitions {
			c.exists(def, "tracked table %d", id)
		}
		return nil
	})
}

// exists says whether a definition has a record, which everything of it that is stored must have.
func (c *checker) exists(id DefinitionID, what string, args ...any) bool {
	_, ok := c.dead[id]
	if !ok {
		c.fault(what+" is of definition %d, which does not exist", append(args, id)...)
	}
	return ok
}

func (c *checker) alive(id DefinitionID, what string, args ...any) {
	if c.exists(id, what, args...) && c.dead[id] {
		c.fault(what+" has definition %d, which is being removed", append(args, id)...)
	}
}

// unwanted reports whether a tracked table is being removed.
func (c *checker) unwanted(t *Table) bool {
	return !slices.ContainsFunc(t.Definitions, func(id DefinitionID) bool { return !c.dead[id] })
}

// ops reads every block, replays each bucket's history, and compares it with the bucket's state (I5).
func (c *checker) ops() error {
	if err := c.tx.Buckets(0, func(id BucketID, b Bucket) bool {
		c.Buckets++
		c.buckets[id] = &checkedBucket{Bucket: b}
		if max(b.Compaction.Target, b.Compaction.Done) > c.Checkpoint {
			c.fault("bucket %d was compacted up to op %d, beyond the checkpoint", id, max(b.Compaction.Target, b.Compaction.Done))
		}
		return true
	}); err != nil {
		return err
	}
	for id, b := range c.buckets {
		if !c.exists(b.Definition, "bucket %d", id) {
			continue
		}
		if err := c.history(id, b); err != nil {
			return err
		}
		if c.dead[b.Definition] { // some of its ops may be gone
			continue
		}
		if want := b.At(c.Checkpoint); b.atCheckpoint != want {
			c.fault("bucket %d: its ops up to the checkpoint come to %+v, its state says %+v", id, b.atCheckpoint, want)
		}
		all := Tally{b.Base.Count + b.Pending.Count, b.Base.Sum + b.Pending.Sum, max(b.Base.Last, b.Pending.Last)}
		if b.total != all {
			c.fault("bucket %d: its ops come to %+v, its state says %+v", id, b.total, all)
		}
	}
	for _, s := range blockSections {
		if err := c.tx.section(s).ForEach(func(k, _ []byte) error {
			c.Blocks++
			if len(k) != 16 || c.buckets[BucketID(key64(k[:8]))] == nil {
				c.fault("op block %x belongs to no bucket", k)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return c.tx.section(secLoads).ForEach(func(k, _ []byte) error {
		c.Blocks++
		if len(k) != 24 || c.buckets[BucketID(key64(k[8:16]))] == nil {
			c.fault("op block %x of a load belongs to no bucket", k)
		} else if at := c.tx.loadOf(BucketID(key64(k[8:16])), OpID(key64(k[16:]))); !bytes.Equal(k, at) {
			c.fault("op block %x is not in the load of its ops", k)
		}
		return nil
	})
}

// history replays one bucket: what is live at its end, and that op ids ascend below the counter (I3).
func (c *checker) history(id BucketID, b *checkedBucket) error {
	live := map[string]uint64{}
	before := OpID(0)
	_, err := c.tx.Ops(id, 0, nil, func(op *Op) bool {
		c.Ops++
		if op.ID <= before || op.ID >= c.counters.Op {
			c.fault("bucket %d: op %d is out of order", id, op.ID)
		}
		before = op.ID
		b.total.Add(op.ID, op.Checksum)
		if op.ID <= c.Checkpoint {
			b.atCheckpoint.Add(op.ID, op.Checksum)
		}
		key := string(op.Type) + "\x00" + string(op.ObjectID) + "\x00" + string(op.Subkey)
		switch op.Kind {
		case OpPut:
			live[key] = placeHash(string(op.Type), op.ObjectID, op.Checksum)
		case OpRemove:
			delete(live, key)
		case OpClear:
			clear(live)
		}
		return true
	})
	for _, h := range live {
		b.live += h
	}
	return err
}

func placeHash(typ string, id []byte, checksum uint32) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(typ))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(id)
	_, _ = h.Write(binary.BigEndian.AppendUint32([]byte{0}, checksum))
	return h.Sum64()
}

func (c *checker) names() error {
	n := 0
	err := c.tx.section(secNames).ForEach(func(k, v []byte) error {
		n++
		b := c.buckets[BucketID(key64(v))]
		if b == nil || !bytes.Equal(nameKey(b.Definition, []byte(b.Name)), k) {
			c.fault("name %x leads to the wrong bucket", k)
		}
		return nil
	})
	if n != len(c.buckets) {
		c.fault("%d bucket names for %d buckets", n, len(c.buckets))
	}
	return err
}

// params reads every parameter row: the newest entry of each group must be there if and only if a row state lists it.
func (c *checker) params() error {
	var group []byte
	var id paramID
	there := false
	flush := func() {
		if group != nil && there {
			c.paramRow[id]--
		}
	}
	if err := c.tx.section(secParams).ForEach(func(k, v []byte) error {
		d := decoder{b: k}
		next := paramID{def: DefinitionID(d.u64()), lookup: string(d.bytes())}
		d.u64()
		copy(next.digest[:], d.take(8))
		if op := OpID(d.u64()); !d.done() || len(v) == 0 || v[0] > 1 || op >= c.counters.Op {
			return corrupt(secParams, k, "bad parameter row")
		}
		if !bytes.Equal(group, k[:len(k)-8]) {
			flush()
			group, id = k[:len(k)-8], next
		}
		c.exists(id.def, "parameter row %x", k)
		if there = v[0] == 1; there {
			c.Params++
		}
		return nil
	}); err != nil {
		return err
	}
	flush()
	for id, n := range c.paramRow {
		if n != 0 && !c.dead[id.def] {
			c.fault("definition %d: row states and parameter rows differ by %d for lookup %x", id.def, n, id.lookup)
		}
	}
	return nil
}

// garbage verifies that what is listed can be taken away one day.
func (c *checker) garbage() error {
	return c.tx.section(secGarbage).ForEach(func(k, _ []byte) error {
		if len(k) < 16 {
			return corrupt(secGarbage, k, "bad key")
		}
		c.exists(DefinitionID(key64(k[8:16])), "garbage %x", k)
		return nil
	})
}

// places compares the live PUTs of every bucket with the placements of all rows.
func (c *checker) places() error {
	for id, b := range c.buckets {
		if b.live != b.placed && !c.dead[b.Definition] {
			c.fault("bucket %d (%s): its live objects are not the rows that are placed in it", id, b.Name)
		}
	}
	return nil
}

// staging reads every part of big transactions; those of one whose commit was received must all be there.
func (c *checker) staging() error {
	if err := c.tx.Staged(func(source string, s Staged) error {
		for part := s.Applied; part < s.Parts; part++ {
			if _, err := c.tx.Part(source, part); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return c.tx.section(secStaging).ForEach(func(k, v []byte) error {
		changes, err := decodePart(k, v)
		if err != nil {
			return err
		}
		if err := DecodeStaged(changes, func(*StagedChange) error { return nil }); err != nil {
			return corrupt(secStaging, k, "%v", err)
		}
		return nil
	})
}
