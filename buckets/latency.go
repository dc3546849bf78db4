package buckets

import (
	"slices"
	"sync/atomic"
	"time"
)

// latencyBounds are the upper ends of the classes that a Latency counts in; one without end follows.
var latencyBounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 3 * time.Hour,
}

// Latency counts durations by class. The zero value is ready; all methods are safe for concurrent use.
type Latency struct {
	classes [len(latencyBounds) + 1]atomic.Uint64
	sum     atomic.Int64
}

// Observe counts n durations of d. One below zero counts as zero: the clocks of two machines differ.
func (l *Latency) Observe(d time.Duration, n int64) {
	d = max(d, 0)
	i, _ := slices.BinarySearch(latencyBounds[:], d)
	l.classes[i].Add(uint64(n))
	l.sum.Add(int64(d) * n)
}

// LatencyCounts is what a Latency has counted.
type LatencyCounts struct {
	Count uint64
	Sum   time.Duration
	Upto  map[time.Duration]uint64 // how many took at most so long
}

// Counts returns what was counted so far.
func (l *Latency) Counts() LatencyCounts {
	c := LatencyCounts{Sum: time.Duration(l.sum.Load()), Upto: make(map[time.Duration]uint64, len(latencyBounds))}
	for i, bound := range latencyBounds {
		c.Count += l.classes[i].Load()
		c.Upto[bound] = c.Count
	}
	c.Count += l.classes[len(latencyBounds)].Load()
	return c
}
