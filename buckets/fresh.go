package buckets

import "github.com/weirsync/weir/storage"

// Bytes of what is fresh: ops as in a block before compression, the bucket's name, and what else there is to keep.
const (
	freshMax  = 8 << 10 // of a bucket, and of all that a Wake has: they may wait for a stalled client together with a page
	freshAll  = 1 << 20 // of all buckets (I14)
	freshEach = 200     // that a bucket takes besides ops and name, about
)

// Fresh is what the last commit that changed a bucket did to it, as the writer had it at hand. A session whose client was told of the
// bucket as it was before goes on from there without a View: where one commit woke 500, each took 20 us of processor time to read what the
// writer had just written. It is as right as what is in the file meanwhile: ops change only by compaction, and either form will do (I7).
// Immutable.
type Fresh struct {
	Name   string // of the bucket, in full
	before storage.Tally
	ops    *storage.Block
}

// Advance brings b from the state before to the one after. It leaves b as it is and returns false if b is another bucket, or in another
// state.
func (f *Fresh) Advance(b *Bucket) bool {
	if b.FullName != f.Name || b.tally() != f.before {
		return false
	}
	b.Checksum, b.Count, b.Last = b.Checksum+f.ops.Sum, b.Count+int64(f.ops.Count), f.ops.Last
	return true
}

func freshBytes(name string, ops *storage.Block) int { return freshEach + len(name) + ops.Size() }

func (f *Fresh) bytes() int { return freshBytes(f.Name, f.ops) }

// After is the bucket's last op before these.
func (f *Fresh) After() OpID { return f.before.Last }

// Operations visits the operations in ascending order until visit returns false. more tells whether some are left.
func (f *Fresh) Operations(visit func(*Operation) bool) (more bool) {
	var out Operation
	stopped := false
	f.ops.Ops(func(op *storage.Op) bool {
		if more = stopped; more {
			return false
		}
		out = operation(op)
		stopped = !visit(&out)
		return true
	})
	return more
}

// freshSet is what is fresh of some buckets, by full name.
type freshSet struct {
	of    map[string]*Fresh
	bytes int
}

func (s *freshSet) put(f *Fresh) {
	if s.of == nil {
		s.of = map[string]*Fresh{}
	}
	s.of[f.Name] = f
	s.bytes += f.bytes()
}

func (s *freshSet) drop(name string) {
	if f := s.of[name]; f != nil {
		s.bytes -= f.bytes()
		delete(s.of, name)
	}
}

// renew makes s what is fresh after the news, which have room for all that is fresh in them.
func (s *freshSet) renew(n *news) {
	for name := range n.buckets {
		s.drop(name)
	}
	if n.all || s.bytes+n.fresh.bytes > freshAll {
		*s = freshSet{}
	}
	for _, f := range n.fresh.of {
		s.put(f)
	}
}

// all returns what is fresh of the buckets, if it is of all of them and not much, else nil.
func (s *freshSet) all(names []string) []*Fresh {
	if len(s.of) == 0 {
		return nil
	}
	list, size := make([]*Fresh, 0, len(names)), 0
	for _, name := range names {
		f := s.of[name]
		if f == nil {
			return nil
		}
		if size += f.bytes(); size > freshMax {
			return nil
		}
		list = append(list, f)
	}
	return list
}

// keepFresh keeps what the batch does to the bucket for the sessions that watch it, if it is little, and becomes visible with the batch (I4).
func (b *batch) keepFresh(ob *openBucket) {
	room := min(freshMax, freshAll-b.news.fresh.bytes)
	if ob.block == nil || ob.state.Pending.Count > 0 || ob.block.Size() > room {
		return
	}
	name := ob.def.prefix + ob.state.Name
	if freshBytes(name, ob.block) <= room && b.s.feed.watched(name) {
		b.news.fresh.put(&Fresh{Name: name, before: ob.state.Base, ops: ob.block.Clone()})
	}
}
