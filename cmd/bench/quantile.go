package main

import (
	"math"
	"slices"
	"time"
)

// quantile returns the time, in milliseconds, that a part q of the times is not above. There must be some.
func quantile(times []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return float64(sorted[max(0, i)]) / float64(time.Millisecond)
}

// median returns the middle one of some times, the shorter of the two middle ones.
func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[(len(times)-1)/2]
}
