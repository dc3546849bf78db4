package service

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	memoryMargin  = 64 << 20  // what the process needs beside its snapshots: the writer's batch, pages that clients share
	memoryClient  = 128 << 10 // for each connected client: more than twice what an idle one takes
	memoryRenewal = time.Second
)

// tellLimits logs what the process may use: processors and memory, which the runtime takes from the cgroup and from us, and descriptors.
func (s *Service) tellLimits(files uint64) {
	memory := debug.SetMemoryLimit(-1)
	if memory == math.MaxInt64 {
		memory = memoryBudget(int64(s.cfg.Snapshot.MemoryLimit), 0)
	}
	s.log.Info("limits", "gomaxprocs", runtime.GOMAXPROCS(0), "memory_bytes", memory, "files", files)
}

// boundMemory keeps garbage from doubling what is in use (I14): the collector gets the more eager the closer the process comes to the
// snapshots' limit, the margin and what the connected clients may take. An operator who sets GOMEMLIMIT wants that instead. It returns
// when ctx ends, and the limit goes with it.
func (s *Service) boundMemory(ctx context.Context) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	defer debug.SetMemoryLimit(math.MaxInt64)
	tick := time.NewTicker(memoryRenewal)
	defer tick.Stop()
	for set := int64(0); ; {
		if want := memoryBudget(int64(s.cfg.Snapshot.MemoryLimit), s.server.Connections()); want != set {
			debug.SetMemoryLimit(want)
			set = want
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func memoryBudget(snapshots int64, connections int) int64 {
	return snapshots + memoryMargin + int64(connections)*memoryClient
}
