package main

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Millisecond)
	}
	for q, want := range map[float64]float64{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := quantile(times, q); got != want {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	if got := quantile(times[:1], 0.99); got != 100 {
		t.Errorf("quantile of one = %v, want it", got)
	}
	if got := median(times[:2]); got != 99*time.Millisecond {
		t.Errorf("median of two = %v, want the shorter", got)
	}
}
