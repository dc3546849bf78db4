package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestDiagnosis: SIGUSR1 has weir tell what it is doing, and does not end it.
func TestDiagnosis(t *testing.T) {
	p := newProcess(t, pgtest.New(t), "bucket_definitions: {}\n")
	p.env = []string{"WEIR_SOURCE_URI=postgres://app@127.0.0.1:1/app", "WEIR_RULES_PATH="}
	p.start()
	p.awaitProbe("liveness", exitOK)
	if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(watchTimeout); !strings.Contains(p.log.String(), "buckets.(*Store).Run"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("weir does not tell what it is doing")
		}
	}
	p.awaitProbe("liveness", exitOK)
	p.stop()
}
