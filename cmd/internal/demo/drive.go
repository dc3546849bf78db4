package demo

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// arrivalTimeout is how long a change may take before it counts as lost.
const arrivalTimeout = 10 * time.Second

// tally is what came of the changes.
type tally struct {
	changes   int
	latencies map[*watcher][]time.Duration
	lost      int
	users     map[rowKey]string // of the rows that were changed: who may see them, "" for everyone
}

func newTally() *tally {
	return &tally{latencies: map[*watcher][]time.Duration{}, users: map[rowKey]string{}}
}

// drive writes changes until ctx or the time is over, and shows how each of
// them arrives.
func (d *demo) drive(ctx context.Context) error {
	tick := time.NewTicker(d.opts.Every)
	defer tick.Stop()
	var over <-chan time.Time
	if d.opts.For > 0 {
		timer := time.NewTimer(d.opts.For)
		defer timer.Stop()
		over = timer.C
	}
	for {
		if err := d.step(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-over:
			return nil
		case <-ctx.Done():
			return nil
		case <-d.weir.ended:
			return d.weir.failure()
		}
	}
}

// step makes one change. Ctrl-C doesn't break it off in the middle.
func (d *demo) step(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*d.opts.arrivalTimeout)
	defer cancel()
	var c *change
	arrivals := map[*watcher]<-chan time.Time{}
	committed, err := d.author.write(ctx, func(announced *change) {
		c = announced
		for _, w := range d.watchers {
			if c.seenBy(w.user) {
				arrivals[w] = w.expect(c.row)
			}
		}
	})
	if err != nil {
		return err
	}
	d.tally.changes++
	d.tally.users[c.row] = c.user
	d.screen.change(committed, c.text, d.collect(c, committed, arrivals))
	return nil
}

// collect waits for the arrivals. It returns what to show for each watcher.
func (d *demo) collect(c *change, committed time.Time, arrivals map[*watcher]<-chan time.Time) []cell {
	timeout := time.NewTimer(d.opts.arrivalTimeout)
	defer timeout.Stop()
	late := false
	var cells []cell
	for _, w := range d.watchers {
		arrived := arrivals[w]
		if arrived == nil {
			cells = append(cells, cell{kind: absent})
			continue
		}
		if !late {
			select {
			case at := <-arrived:
				took := max(0, at.Sub(committed))
				d.tally.latencies[w] = append(d.tally.latencies[w], took)
				cells = append(cells, cell{arrival, took})
				continue
			case <-timeout.C:
				late = true
			}
		}
		w.forget(c.row)
		d.tally.lost++
		cells = append(cells, cell{kind: lost})
	}
	return cells
}

// leaks returns the changes that a client got and should not have seen, and how
// many others came that are not the demo's: somebody else writes too.
func (d *demo) leaks() (leaked []string, others int) {
	for _, w := range d.watchers {
		for _, row := range w.strayed() {
			user, ours := d.tally.users[row]
			if ours && user != "" && user != w.user {
				leaked = append(leaked, fmt.Sprintf("%s's client got %s's row %s of %s", w.user, user, row.id, row.table))
				continue
			}
			others++
		}
	}
	return leaked, others
}

// spread returns the median and the largest of the durations.
func spread(list []time.Duration) (median, largest time.Duration) {
	if len(list) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)/2], sorted[len(sorted)-1]
}
