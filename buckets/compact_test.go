package buckets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirsync/weir/storage"
)

// compactRules place a row in two buckets, of which one is shared.
const compactRules = `
bucket_definitions:
  by_owner:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT * FROM items WHERE owner = bucket.owner
      - SELECT * FROM "west.public"."items" WHERE owner = bucket.owner
  all:
    data:
      - SELECT id, n FROM items
`

// reduced is what a client has made of the operations of a bucket (protocol 4.3).
type reduced struct {
	Rows map[string]string
	Sum  uint32
}

func (r *reduced) apply(op *Operation) {
	key := string(op.Type) + "/" + string(op.ObjectID) + "/" + string(op.Subkey)
	switch r.Sum += op.Checksum; op.Op {
	case Put:
		r.Rows[key] = string(op.Data)
	case Remove:
		delete(r.Rows, key)
	case Clear:
		clear(r.Rows)
		r.Sum = op.Checksum
	}
}

func reduce(ops []Operation) reduced {
	r := reduced{Rows: map[string]string{}}
	for i := range ops {
		r.apply(&ops[i])
	}
	return r
}

// history is a store whose operations are written down as they come, before they are compacted.
type history struct {
	*Store
	tb          rapid.TB
	path        string
	compact     CompactOptions
	loads       loadLimits
	known       int // bytes
	stop        func()
	pos         map[string]Position
	rels        map[string]*Relation
	log         map[string][]Operation // by bucket
	checkpoints []OpID
}

func newHistory(t *rapid.T, path string, compact CompactOptions, loads loadLimits) *history {
	h := &history{
		tb: t, path: path, compact: compact, loads: loads, pos: map[string]Position{}, rels: map[string]*Relation{},
		log: map[string][]Operation{},
	}
	h.known = rapid.SampledFrom([]int{0, 2 * openBytes, knownBytes}).Draw(t, "known")
	h.open()
	v, faults, err := h.Deploy(context.Background(), compactRules, "")
	h.must(err)
	if v.ID == 0 {
		t.Fatalf("the rules have faults: %+v", faults)
	}
	var defs []DefinitionID
	for _, d := range h.Definitions() {
		defs = append(defs, d.ID)
	}
	for i, source := range h.sourceNames() {
		h.rels[source], h.pos[source] = relation(uint32(16384+i), "items", "id", "owner", "n"), 1000
		_, err := h.Track(context.Background(), source, h.rels[source])
		h.must(err)
		h.must(h.Planned(context.Background(), source, defs))
	}
	for source, rel := range h.rels {
		id := h.Tables(source)[0].ID
		gen, err := h.BeginGeneration(context.Background(), id, rel)
		h.must(err)
		h.must(h.SaveChunk(context.Background(), &Chunk{Table: id, Generation: gen, Relation: rel, Last: true}))
		nonce := "fence of " + source
		_, err = h.Fence(context.Background(), id, gen, nonce, func(context.Context) error {
			h.stream(source, Change{Op: Message, Prefix: MarkerPrefix, Content: []byte(nonce)})
			return nil
		})
		h.must(err)
	}
	return h
}

func (h *history) sourceNames() []string { return []string{"default", "west"} }

func (h *history) open() {
	h.compact.Off = true
	s, err := Open(h.path, Options{Sources: h.sourceNames(), Compact: h.compact})
	h.must(err)
	s.db.NoSync()
	s.loads, s.known.limit = h.loads, h.known
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.Store = s
	h.stop = func() {
		cancel()
		h.must(errors.Join(<-done, s.Close(), Check(h.path)))
	}
}

func (h *history) must(err error) {
	h.tb.Helper()
	if err != nil {
		h.tb.Fatal(err)
	}
}

func (h *history) stream(source string, changes ...Change) {
	h.tb.Helper()
	h.pos[source] += 8
	ctx, parts := context.Background(), 0
	if len(changes) > 2 { // more than one batch takes
		h.must(h.Stage(ctx, &Part{Source: source, Changes: changes[:2], Bytes: 100}))
		changes, parts = changes[2:], 1
	}
	h.must(h.Apply(ctx, &Transaction{Source: source, End: h.pos[source], Changes: changes, Parts: parts, Bytes: 100}))
	h.must(h.WaitDurable(ctx, source, h.pos[source]))
	for h.published(source) < h.pos[source] { // a staged one is durable before it is applied
		time.Sleep(100 * time.Microsecond)
	}
	if err := h.record(); !errors.Is(err, ErrNoVersion) {
		h.must(err)
	}
}

// published is how far a source is part of the checkpoint, or of what comes before the first one.
func (h *history) published(source string) (pos Position) {
	err := h.View(func(v *View) error {
		pos = v.Position(source)
		return nil
	})
	if errors.Is(err, ErrNoVersion) {
		return h.pos[source]
	}
	h.must(err)
	return pos
}

// buckets lists the buckets by full name.
func (h *history) buckets() map[string]BucketID {
	out := map[string]BucketID{}
	h.must(h.db.View(func(tx *storage.Tx) error {
		return tx.Buckets(0, func(id BucketID, b storage.Bucket) bool {
			out[fmt.Sprintf("%d#%s", b.Definition, b.Name)] = id
			return true
		})
	}))
	return out
}

// record writes down what is new.
func (h *history) record() error {
	buckets := h.buckets()
	return h.View(func(v *View) error {
		for name := range buckets {
			var last OpID
			if log := h.log[name]; len(log) > 0 {
				last = log[len(log)-1].ID
			}
			ops, _, err := read(v, name, last, v.Checkpoint(), 1<<30)
			if err != nil {
				return err
			}
			h.log[name] = append(h.log[name], ops...)
		}
		h.checkpoints = append(h.checkpoints, v.Checkpoint())
		return nil
	})
}

// read returns up to limit operations.
func read(v *View, bucket string, after, upto OpID, limit int) (ops []Operation, superseded bool, err error) {
	ops, _, superseded, err = readTo(v, bucket, after, 0, upto, limit)
	return ops, superseded, err
}

// readTo does so up to end, if that is not 0.
func readTo(v *View, bucket string, after, end, upto OpID, limit int) (ops []Operation, more, superseded bool, err error) {
	more, superseded, err = v.Operations(bucket, after, end, upto, func(op *Operation) bool {
		clone := *op
		clone.Type, clone.ObjectID = slices.Clone(op.Type), slices.Clone(op.ObjectID)
		clone.Subkey, clone.Data = slices.Clone(op.Subkey), slices.Clone(op.Data)
		ops = append(ops, clone)
		return len(ops) < limit
	})
	return ops, more, superseded, err
}

// upto is the part of the log that is at or below an op.
func upto(log []Operation, id OpID) []Operation {
	n, _ := slices.BinarySearchFunc(log, id+1, func(op Operation, id OpID) int {
		return int(int64(op.ID) - int64(id))
	})
	return log[:n]
}

// verify resumes a client at every position of every bucket, towards every checkpoint since. What it then holds is what the whole
// history comes to (I7), with the bucket's checksum (I5), unless it is told that it can't get there.
func (h *history) verify() {
	h.must(h.View(func(v *View) error {
		for name, id := range h.buckets() {
			log := h.log[name]
			state, err := v.tx.Bucket(id)
			if err != nil {
				return err
			}
			if want, got := reduce(log), state.At(v.Checkpoint()); got.Sum != want.Sum {
				h.tb.Errorf("bucket %s: the sum is %d, want %d", name, got.Sum, want.Sum)
			}
			for _, c := range h.checkpoints {
				want := reduce(upto(log, c))
				for n := range len(upto(log, c)) + 1 {
					if err := h.resume(v, name, log[:n], c, want); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}))
}

func (h *history) resume(v *View, name string, had []Operation, c OpID, want reduced) error {
	var after OpID
	if len(had) > 0 {
		after = had[len(had)-1].ID
	}
	ops, superseded, err := read(v, name, after, c, 1<<30)
	if err != nil {
		return err
	}
	if superseded && c < v.Checkpoint() {
		return nil
	}
	got := reduce(had)
	for i := range ops {
		got.apply(&ops[i])
	}
	if d := cmp.Diff(want, got); d != "" || superseded {
		h.tb.Errorf("bucket %s from %d to %d of %d, superseded %t: (-want +got)\n%s", name, after, c, v.Checkpoint(), superseded, d)
	}
	return nil
}

// download is a client on its way to a checkpoint, page by page.
type download struct {
	bucket string
	goal   OpID
	at     OpID
	state  reduced
}

// page reads the next page, up to the end of a block if one is near, and reports whether the download goes on.
func (h *history) page(d *download, limit int) (more bool) {
	h.must(h.View(func(v *View) error {
		end, err := v.PageEnd(d.bucket, d.at, d.goal, func(ops, _ int) bool { return ops <= limit })
		if err != nil {
			return err
		}
		ops, left, superseded, err := readTo(v, d.bucket, d.at, end, d.goal, limit)
		if err != nil {
			return err
		}
		if end > 0 && (len(ops) == 0 || ops[len(ops)-1].ID != end || !left) {
			h.tb.Errorf("bucket %s from %d to %d: a page of %d ops, others left %t, should end at %d", d.bucket, d.at, d.goal, len(ops), left, end)
		}
		for i := range ops {
			d.state.apply(&ops[i])
			d.at = ops[i].ID
		}
		if superseded {
			if v.Checkpoint() == d.goal {
				h.tb.Errorf("bucket %s: the newest checkpoint %d is superseded", d.bucket, d.goal)
			}
			d.goal = v.Checkpoint()
		}
		more = superseded || left
		return nil
	}))
	if !more {
		if diff := cmp.Diff(reduce(upto(h.log[d.bucket], d.goal)), d.state); diff != "" {
			h.tb.Errorf("bucket %s downloaded up to %d (-want +got):\n%s", d.bucket, d.goal, diff)
		}
	}
	return more
}

// change is a random change of a source's table, whose rows are in now.
func (h *history) change(t *rapid.T, source string, now map[string]bool) []Change {
	rel := h.rels[source]
	if rapid.IntRange(0, 60).Draw(t, "truncate") == 0 {
		clear(now)
		return []Change{{Op: Truncate, Truncated: []uint32{rel.OID}}}
	}
	id := rapid.SampledFrom([]string{"1", "2", "3", "4", "5"}).Draw(t, "id")
	if now[id] && rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
		delete(now, id)
		return []Change{del(rel, id)}
	}
	owner := rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "owner")
	n := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "n"))
	if rapid.IntRange(0, 4).Draw(t, "wide") == 0 {
		n += strings.Repeat("x", 40<<10) // two of them fill a block
	}
	had := now[id]
	now[id] = true
	if had {
		return []Change{upd(rel, id, owner, n)}
	}
	return []Change{ins(rel, id, owner, n)}
}

// TestCompactionIsInvisible plays random histories of two sources, some of whose transactions are staged, and in some of which blocks stand in
// loads for a while, with passes over random buckets. Steps of a pass or of merging loads, restarts and pages of downloads come between each
// other by chance. Whatever position a client resumes at, it comes to the same rows and sums (I5, I7).
func TestCompactionIsInvisible(t *testing.T) {
	dir, n := t.TempDir(), 0
	var stats CompactStats
	rapid.Check(t, func(t *rapid.T) {
		n++
		h := newHistory(t, filepath.Join(dir, fmt.Sprintf("%d.db", n)), CompactOptions{
			Memory: keyBytes * rapid.IntRange(1, 12).Draw(t, "keys"), step: rapid.SampledFrom([]int{1, 500, compactStep}).Draw(t, "step"),
		}, loadLimits{
			batch: rapid.SampledFrom([]int{1, 2, 100}).Draw(t, "load"), most: 100, served: rapid.IntRange(1, 4).Draw(t, "served"),
			rest: time.Hour, step: rapid.IntRange(1, 4).Draw(t, "merge"),
		})
		defer func() { h.stop() }()
		h.play(t, &stats)
		h.verify()
	})
	if stats.Moved == 0 || stats.Dropped == 0 || stats.Blocks <= 0 {
		t.Errorf("the histories hardly compacted anything: %+v", stats)
	}
}

func (h *history) play(t *rapid.T, stats *CompactStats) {
	rows := map[string]map[string]bool{"default": {}, "west": {}}
	var p *pass
	var d *download
	end := func() {
		if p != nil {
			stats.add(p.stats)
		}
		p = nil
	}
	for range rapid.IntRange(5, 60).Draw(t, "steps") {
		names := slices.Sorted(maps.Keys(h.buckets()))
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		default:
			source := rapid.SampledFrom(h.sourceNames()).Draw(t, "source")
			var changes []Change
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				changes = append(changes, h.change(t, source, rows[source])...)
			}
			h.stream(source, changes...)
		case 0, 1, 2:
			if len(names) == 0 {
				continue
			}
			if p == nil {
				var err error
				p, err = h.beginPass(h.buckets()[rapid.SampledFrom(names).Draw(t, "bucket")], rapid.Bool().Draw(t, "full"))
				h.must(err)
			}
			if p != nil {
				more, err := p.step(context.Background())
				if h.must(err); !more {
					end()
				}
			}
		case 3, 4:
			if len(names) == 0 {
				continue
			}
			if d == nil {
				d = &download{bucket: rapid.SampledFrom(names).Draw(t, "download"), goal: h.checkpoints[len(h.checkpoints)-1], state: reduce(nil)}
			}
			if !h.page(d, rapid.IntRange(1, 4).Draw(t, "page")) {
				d = nil
			}
		case 5:
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				end()
				h.stop()
				h.open()
			}
		case 6:
			h.must(h.do(context.Background(), (*batch).mergeLoads))
		}
	}
	end()
	for d != nil && h.page(d, 3) {
	}
}
