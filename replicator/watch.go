package replicator

import (
	"context"
	"fmt"
)

// checkPublication finds a publication that someone else dropped or changed: changes are missing from the stream then (I13).
func (d *driver) checkPublication(ctx context.Context) error {
	pub, err := readPublication(ctx, d.s.pool, d.s.cfg.Publication)
	if err != nil {
		return err
	}
	state, _ := d.s.store.Source(d.s.cfg.Name)
	if pub.oid != state.PublicationOID {
		return &LostError{Why: fmt.Sprintf("publication %s was dropped", d.s.cfg.Publication), Hint: "don't drop publications that are in use"}
	}
	faults := pub.faults(d.s.cfg.Publication)
	if len(faults) == 0 {
		return nil
	}
	for _, t := range d.s.store.Tables(d.s.cfg.Name) {
		if _, err := d.s.store.BeginGeneration(ctx, t.ID, t.Relation); err != nil {
			return storeErr(ctx, err)
		}
	}
	return faults
}
