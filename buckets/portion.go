package buckets

// A commit waits for what the writer is at. A chunk of the default size is a tenth of a second of work, which is nothing to clients that wait
// for their first rows, and much to those of an active version while a deploy is being read beside it. For them a chunk is stored in
// portions, and the stream goes first after each.
//
// Only the last portion stores the chunk's progress, so progress is never ahead of rows (I6). After a crash in between the
// chunk is read again: a row that is there stays (I8), and what became of it since the first reading is in the stream. TestModel plays
// that.

// Bounds of a portion: some ten milliseconds of work, and rows enough for a run (merge.go).
const (
	portionBytes   = 1 << 20
	portionRowsMax = 5000
)

// portion is what one update stores of a chunk.
type portion struct {
	chunk    *Chunk
	prepared *prepared
	rows     []preparedRow
	last     bool
}

// whole is all of c.
func (p *prepared) whole(c *Chunk) portion { return portion{c, p, p.rows, true} }

// portionRows is how many rows of c each portion has, at least 1.
func (s *Store) portionRows(c *Chunk) int {
	rows := max(len(c.Rows), 1)
	if !s.flowing() {
		return rows
	}
	n := max(c.Bytes/portionBytes, rows/portionRowsMax) + 1
	return (rows + n - 1) / n
}

// flowing reports whether commits reach clients: a version is active and nothing holds checkpoints back (I9).
func (s *Store) flowing() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.catalog.active != nil && s.catalog.open(s.catalog.active)
}

// bytes is the memory that the rows hold, about.
func (p *portion) bytes() int {
	return p.chunk.Bytes * len(p.rows) / max(len(p.chunk.Rows), 1)
}
