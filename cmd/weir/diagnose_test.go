package main

import (
	"syscall"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestDiagnosis: SIGUSR1 has weir tell what it is doing, and does not end it.
func TestDiagnosis(t *testing.T) {
	p := newProcess(t, pgtest.New(t), "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n")
	p.env = []string{"WEIR_SOURCE_URI=postgres://app@127.0.0.1:1/app"}
	p.start()
	p.awaitProbe("liveness", exitOK)
	if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	p.awaitLog("buckets.(*Store).Run")
	p.awaitProbe("liveness", exitOK)
	p.stop()
}
