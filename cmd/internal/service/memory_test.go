package service

import "testing"

// TestMemoryBudget: clients come on top, or thousands of them would have the collector run all the time.
func TestMemoryBudget(t *testing.T) {
	for _, test := range []struct {
		connections int
		want        int64
	}{{0, 320 << 20}, {8, 321 << 20}, {10_000, (320 + 1250) << 20}} {
		if got := memoryBudget(256<<20, test.connections); got != test.want {
			t.Errorf("budget of %d connections: %d, want %d", test.connections, got, test.want)
		}
	}
}
