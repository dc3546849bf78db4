package replicator

import (
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
)

// The lag in seconds is the age of the oldest end of the WAL that is not stored yet, with little memory however long that is.
func TestLagSeconds(t *testing.T) {
	var l lag
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	want := func(pos, now, seconds int) {
		t.Helper()
		if got := l.of(buckets.Position(pos), at(now)); got != time.Duration(seconds)*time.Second {
			t.Errorf("at %d s, stored up to %d: lag %v, want %d s", now, pos, got, seconds)
		}
	}
	want(0, 0, 0)
	l.saw(100, at(0))
	l.saw(100, at(5))
	l.saw(200, at(10))
	want(99, 20, 20)
	want(100, 20, 10)
	want(200, 20, 0)
	for i := range 100_000 {
		l.saw(buckets.Position(300+i), at(30+i))
	}
	if len(l.samples) > samplesMax {
		t.Errorf("%d samples", len(l.samples))
	}
	want(200, 100_030, 100_000)
}
