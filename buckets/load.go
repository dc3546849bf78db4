package buckets

// loadLimits say when blocks of chunks stand in loads (storage/loads.go).
type loadLimits struct {
	blocks int // that a chunk has, at least, for them to go into a load
	most   int // loads there are before they are merged although more come. A bucket is looked for in each
	step   int // ops that one step of merging moves: some twenty milliseconds of work
}

var defaultLoads = loadLimits{blocks: 256, most: 128, step: 10_000}

func (b *batch) putBlock(id BucketID, p *blockPut) error {
	if p.loaded {
		return b.tx.PutLoad(b.loadID, id, p.last, p.encoded)
	}
	return b.tx.PutBlock(id, p.last, p.encoded)
}

// loaded reports whether loads are to be merged: they are many, clients read them, or no chunk brings more. Compaction waits for it.
func (c *catalog) loaded(limits loadLimits) bool {
	if c.loads == 0 || c.loads >= limits.most || c.active != nil && c.open(c.active) {
		return c.loads > 0
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
