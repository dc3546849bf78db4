package replicator

import (
	"time"

	"github.com/weirsync/weir/buckets"
)

// samplesMax bounds the memory of a source that is far behind: beyond it every second sample goes, and the lag gets coarser.
const samplesMax = 1024

// lag remembers when the server's WAL ended where, to tell for how long the store has not been at its end.
type lag struct{ samples []sample }

type sample struct {
	end buckets.Position
	at  time.Time
}

// saw notes where the WAL ends now.
func (l *lag) saw(end buckets.Position, now time.Time) {
	if n := len(l.samples); n > 0 && end <= l.samples[n-1].end {
		return
	}
	if len(l.samples) == samplesMax {
		for i := range samplesMax / 2 {
			l.samples[i] = l.samples[2*i]
		}
		l.samples = l.samples[:samplesMax/2]
	}
	l.samples = append(l.samples, sample{end, now})
}

// of is how long ago the WAL was seen to end behind pos for the first time.
func (l *lag) of(pos buckets.Position, now time.Time) time.Duration {
	done := 0
	for done < len(l.samples) && l.samples[done].end <= pos {
		done++
	}
	l.samples = append(l.samples[:0], l.samples[done:]...)
	if len(l.samples) == 0 {
		return 0
	}
	return now.Sub(l.samples[0].at)
}
