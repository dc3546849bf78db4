package buckets

// truncate empties a tracked table (architecture 5.7). A new generation makes all that was stored count as absent at once, whatever its
// size; the sweep then takes the old rows from their buckets in bounded steps, with the gate shut until the last one is gone (I1, I9,
// I14). It needs no fence: everything later is in the stream, and what chunks and re-reads of the generation before still bring is
// refused. Should the process die in between, the fence that the table gets then starts the sweep again.
func (b *batch) truncate(t *table) {
	if !t.streamed() {
		return
	}
	b.refuse(t)
	b.change(t, func() {
		t.Generation++
		t.Phase, t.Partials, t.Rows, t.Progress = Repairing, 0, 0, nil
		t.sweep, t.cursor, t.swept = true, nil, false
		t.whole, t.copy, t.Copying = b.s.keepsAll(), nil, false
		t.proven()
	})
	for _, r := range b.rows { // the sweep finds those that are in the file
		if r.t == t && r.seq > 0 && !r.gone {
			b.remove(r)
		}
	}
	b.look = true
	b.truncated[t] = true
}

// emptyTruncated does the first step of the sweep in the truncating update itself, so that a small table is empty at once.
func (b *batch) emptyTruncated() error {
	for t := range b.truncated {
		if !t.sweep || t.Partials > 0 {
			continue // the stream has gone on
		}
		more, err := b.sweepStep(t)
		if err != nil {
			return err
		}
		if !more {
			b.endSweep(t, true)
		}
	}
	return nil
}
