package deploys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirsync/weir/buckets"
)

// watchEvery is how often a deploy that is under way is looked at, stuckMax how often in a row a table may fail before its
// version does.
const (
	watchEvery = time.Second
	stuckMax   = 4
)

// Run fails a deploying version that can't become complete, until ctx ends or the store stops. What may pass is waited for: a source
// that is down, a lock.
func (d *Deploys) Run(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if err := d.watch(ctx); err != nil && ctx.Err() == nil {
			if d.store.Failure() != nil {
				return nil // its Run says why
			}
			d.log.Warn("can't tell whether the deploy goes on", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *Deploys) watch(ctx context.Context) error {
	v, active := d.deploying()
	if v == nil || !active {
		return nil // nothing is disturbed by a first version that waits for its tables
	}
	reason, err := d.hopeless(ctx, v)
	if err != nil || reason == "" {
		return err
	}
	if err := d.forget(ctx, v.Program); err != nil {
		return err
	}
	err = d.store.Fail(ctx, v.ID, reason)
	if errors.Is(err, buckets.ErrNotDeploying) {
		return nil
	}
	return err
}

// deploying returns the deploying version, nil if there is none, and whether there is an active one.
func (d *Deploys) deploying() (v *buckets.Version, active bool) {
	for _, x := range d.store.Versions() {
		switch x.State {
		case buckets.Deploying:
			v = &x
		case buckets.Active:
			active = true
		}
	}
	return v, active
}

// hopeless says why a version can't become complete, "" if it may.
func (d *Deploys) hopeless(ctx context.Context, v *buckets.Version) (reason string, err error) {
	building := d.building(v.ID)
	unfit := false
	for _, src := range d.sources {
		for _, t := range src.Progress() {
			if t.Stuck >= stuckMax && concerns(&t, building) {
				return fmt.Sprintf("table %s.%s can't be read: %s", t.Schema, t.Name, t.Waiting), nil
			}
		}
		h := src.Health()
		unfit = unfit || h.Connected && len(h.Faults) > 0
	}
	if !unfit {
		return "", nil
	}
	verdict, err := d.judge(ctx, v.Text)
	if err != nil {
		return "", err
	}
	return verdict.Reason(), nil
}
