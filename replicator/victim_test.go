package replicator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/buckets"
)

// victimVar in the environment makes the test binary replicate as a victim says, and kill itself.
const victimVar = "WEIR_TEST_VICTIM"

// victim is a process that replicates until it comes to a point for the n-th time; there it ends as by kill -9.
type victim struct {
	At         string
	N          int32
	Path       string // of the store
	Log        string // file of what it did
	URI, Name  string // of the database
	Slot, Pub  string
	Rules      string
	Concurrent bool
	Prepare    string // SQL to be run when the first table's chunks begin
}

// run runs the victim until its end, and returns what it wrote to its log.
func (v *victim) run(t *testing.T) string {
	t.Helper()
	v.Log = filepath.Join(t.TempDir(), "log")
	order, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimVar+"="+string(order))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !killed(exit) {
		t.Fatalf("the victim was not killed at %s: %v\n%s", v.At, err, out)
	}
	log, err := os.ReadFile(v.Log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(log)
}

func killed(exit *exec.ExitError) bool {
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// runVictim is the victim's process. It returns never.
func runVictim(order string) {
	var v victim
	err := json.Unmarshal([]byte(order), &v)
	if err == nil {
		err = v.replicate(context.Background())
	}
	fmt.Println("not killed:", err)
	os.Exit(1)
}

// reach kills the process at the victim's point.
func (v *victim) reach(seen *atomic.Int32, at string) {
	if at == v.At && seen.Add(1) == v.N {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (v *victim) replicate(ctx context.Context) error {
	var seen, prepared atomic.Int32
	cfg := Config{URI: v.URI, Slot: v.Slot, Publication: v.Pub}
	if v.Concurrent {
		concurrent(&cfg)
	}
	cfg.Snapshot.ChunkBytes, cfg.Snapshot.MemoryLimit = 16<<10, 256<<10
	cfg.hooks = hooks{
		step: func(name string, _ buckets.TableID) {
			if name == stepChunks && v.Prepare != "" && prepared.Add(1) == 1 {
				if err := execute(ctx, v.URI, v.Prepare); err != nil {
					panic(err)
				}
			}
			v.reach(&seen, name)
		},
		chunkChecked: func(context.Context, *buckets.Relation) { v.reach(&seen, "checked") },
		chunkRead: func(_ context.Context, rel *buckets.Relation, rows int) {
			v.note("%s %d\n", rel.Name, rows)
			v.reach(&seen, "read")
		},
		received: func(*buckets.Transaction) { v.reach(&seen, "received") },
	}
	store, err := buckets.Open(v.Path, buckets.Options{Step: func(name string) { v.reach(&seen, name) }})
	if err != nil {
		return err
	}
	failed := make(chan error, 3)
	go func() { failed <- store.Run(ctx) }()
	if _, faults, err := store.Deploy(ctx, v.Rules, ""); err != nil || len(faults) > 0 {
		return fmt.Errorf("deploy: %w %+v", err, faults)
	}
	go func() { failed <- watch(ctx, store, &witness{}) }()
	go func() { failed <- New(cfg, store).Run(ctx) }()
	return <-failed
}

// note writes to the log what must be known after the death.
func (v *victim) note(format string, args ...any) {
	f, err := os.OpenFile(v.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, format, args...)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		panic(err)
	}
}

// execute runs statements on a connection of their own.
func execute(ctx context.Context, uri, sql string) error {
	conn, err := pgx.Connect(ctx, uri)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql, simple...)
	return errors.Join(err, conn.Close(ctx))
}

// rowsRead sums up what a log says of a table, and finds its largest chunk.
func rowsRead(log, table string) (sum, largest int) {
	for line := range strings.Lines(log) {
		var name string
		var rows int
		if _, err := fmt.Sscan(line, &name, &rows); err == nil && name == table {
			sum, largest = sum+rows, max(largest, rows)
		}
	}
	return sum, largest
}
