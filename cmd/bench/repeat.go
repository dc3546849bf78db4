package main

import "time"

// repeat measures again and again, until it was often enough and took long enough together.
func (b *bench) repeat(once func() (time.Duration, error)) (times []time.Duration, err error) {
	var total time.Duration
	for len(times) < b.sizes.repeats || total < b.sizes.together {
		took, err := once()
		if err != nil {
			return nil, err
		}
		times = append(times, took)
		total += took
	}
	return times, nil
}
