package pgserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/replicator/pgserver"
	"github.com/weirsync/weir/replicator/pgtest"
)

// orphanVar makes this test binary the caller that dies in
// TestServerDiesWithItsCaller.
const orphanVar = "WEIR_TEST_PGSERVER_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphanVar) != "" {
		s, err := pgserver.Start(context.Background(), pgserver.Options{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("%s %s\n", s.URI("postgres"), s.DataDir())
		select {}
	}
	pgtest.Main(m)
}

func TestServerDiesWithItsCaller(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a process of its parent's death")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	caller := exec.CommandContext(ctx, os.Args[0])
	caller.Env = append(os.Environ(), orphanVar+"=1")
	caller.Stderr = os.Stderr
	out, err := caller.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	uri, data, _ := strings.Cut(strings.TrimSpace(line), " ")
	conn, err := pgx.Connect(ctx, uri)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()

	if err := caller.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = caller.Wait() // "killed" is what we want
	if _, err := conn.WaitForNotification(ctx); ctx.Err() != nil {
		t.Fatalf("server still lives: %v", err)
	}
	removeLeftover(t, filepath.Dir(data))
}

// removeLeftover has a new server's start clean up after a killed caller.
func removeLeftover(t *testing.T, dir string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dir, old, old); err != nil {
		t.Fatal(err)
	}
	pgtest.StartServer(t, pgtest.Options{})
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder %s of a dead caller: %v, want it gone", dir, err)
	}
}

func TestStartKeepsClusterInDir(t *testing.T) {
	dir, err := os.MkdirTemp("", "pgserver-test-") // t.TempDir() is closed to the server's user
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	dir = filepath.Join(dir, "cluster")

	for run, want := range []string{"0", "1"} {
		s := pgtest.StartServer(t, pgtest.Options{Dir: dir})
		conn, err := pgx.Connect(t.Context(), s.URI("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		var got string
		sql := "SELECT count(*)::text FROM pg_database WHERE datname = 'kept'"
		if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("run %d: found %s databases, want %s", run, got, want)
		}
		if run == 0 {
			if _, err := conn.Exec(t.Context(), "CREATE DATABASE kept"); err != nil {
				t.Fatal(err)
			}
		}
		_ = conn.Close(t.Context())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStartFails(t *testing.T) {
	for name, c := range map[string]struct {
		options pgserver.Options
		want    string
	}{
		"unknown setting": {pgserver.Options{Settings: map[string]string{"no_such_setting": "1"}}, "no_such_setting"},
		"old version":     {pgserver.Options{Version: 9}, "no PostgreSQL 9 is installed"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := pgserver.Start(t.Context(), c.options)
			if err == nil {
				_ = s.Close()
				t.Fatal("server started, want an error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want one with %q", err, c.want)
			}
		})
	}
}

func TestStartIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pgserver.Start(ctx, pgserver.Options{}); err == nil {
		t.Error("start with a cancelled context succeeded")
	}
}
