package buckets

import "time"

// loadLimits say when small blocks stand in loads (storage/loads.go).
type loadLimits struct {
	blocks int // that a chunk has, at least, for the small ones of them to go into a load

	// batch is how many small blocks a batch of the stream has, at least, for them to go into a load. Where 100,000 buckets have ten rows each,
	// a backlog of updates takes half of the time so, and writes 0.6 KB for each instead of 2.5: otherwise each rewrites a leaf.
	batch int

	// commit is the same for blocks of two ops at most, on average: moving an op costs little beside a leaf for each of them. Where one commit
	// after another changes a row of 500 buckets, it rewrote a page for each, some 3 MB: it takes 41 ms of processor time so instead of 49,
	// and half of the clients have it after 26 ms instead of 54. With four ops in a block nothing is gained.
	commit int

	most   int           // loads there are before they are merged although more come. A bucket is looked for in each
	served int           // the same while clients read them; with twice as many, blocks go where they belong
	rest   time.Duration // after the last load those that clients read are merged, however few they are
	step   int           // ops that one step of merging moves: some twenty milliseconds of work
}

var defaultLoads = loadLimits{blocks: 256, batch: 4096, commit: 256, most: 128, served: 8, rest: time.Second / 2, step: 10_000}

func (b *batch) putBlock(id BucketID, p *blockPut) error {
	if p.loaded {
		b.loaded = true
		return b.tx.PutLoad(b.first, id, p.last, p.encoded)
	}
	return b.tx.PutBlock(id, p.last, p.encoded)
}

// mayLoad reports whether there may be another load.
func (b *batch) mayLoad() bool {
	c := &b.s.catalog
	return !c.served() || c.loads < 2*b.s.loads.served
}

// fillLoad chooses the batch's small blocks for its load, if they are many.
func (b *batch) fillLoad() {
	var small []*blockPut
	ops := 0
	for _, ob := range b.s.known.open {
		for _, p := range ob.blocks {
			if p.loadable {
				small = append(small, p)
				ops += p.ops
			}
		}
	}
	n := len(small)
	if many := n >= b.s.loads.batch || n >= b.s.loads.commit && ops <= 2*n; !many || !b.mayLoad() {
		return
	}
	for _, p := range small {
		p.loaded = true
	}
}

// served reports whether clients read what comes.
func (c *catalog) served() bool { return c.active != nil && c.open(c.active) }

// loaded reports whether loads are to be merged: they are many, clients read them and no more have come lately, or no chunk brings more.
func (c *catalog) loaded(limits loadLimits) bool {
	switch {
	case c.loads == 0 || c.loads >= limits.most:
		return c.loads > 0
	case c.served():
		return c.loads >= limits.served || time.Since(c.lastLoad) >= limits.rest
	}
	for _, t := range c.tables {
		if t.Phase == Chunking {
			return false
		}
	}
	return true
}

// mergeLoads does one step.
func (b *batch) mergeLoads() error {
	_, err := b.tx.MergeLoads(b.s.loads.step)
	b.countLoads()
	return err
}

// countLoads notes how many loads the file has.
func (b *batch) countLoads() { b.s.catalog.loads = b.tx.Loads() }
