package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/replicator/pgtest"
)

var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```\n")

// TestGettingStarted does what docs/getting-started.md says, as pasted. Only the ports and the database are others: what stands in a
// fence is executed if it is sql or sh, written to the file that its first line names if it is yaml, and what the sh before it
// must have printed if it is text.
func TestGettingStarted(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash on this machine")
	}
	text, err := os.ReadFile("../../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"wal_level": "replica"}})
	r := &reader{t: t, server: server, db: pgtest.NewOn(t, server), dir: t.TempDir(), log: streamingLog{streaming: make(chan struct{})}}
	r.prepare()
	blocks := fence.FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 12 {
		t.Fatalf("only %d fences found", len(blocks))
	}
	for _, block := range blocks {
		kind, body := block[1], r.place(block[2])
		switch kind {
		case "sql":
			r.sql(body)
		case "yaml":
			name, _, _ := strings.Cut(strings.TrimPrefix(body, "# "), "\n")
			r.write(name, body)
		case "sh":
			r.sh(body)
		case "text":
			if diff := cmp.Diff(body, r.printed); diff != "" {
				t.Errorf("output (-page +got):\n%s", diff)
			}
		case "js": // clients/interop runs the SDK
		default:
			t.Errorf("fence of kind %s", kind)
		}
	}
}

// readerPatience bounds each step.
const readerPatience = 20 * time.Second

// reader is one who follows the page.
type reader struct {
	t       *testing.T
	server  *pgtest.Server
	db      *pgtest.Database
	dir     string
	address string // of weir
	serving *exec.Cmd
	log     streamingLog
	printed string // by the last sh
}

// prepare puts weir on the PATH of sh: this test binary, as process_test.go has it.
func (r *reader) prepare() {
	r.t.Helper()
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		r.t.Fatal(err)
	}
	r.write("weir", fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", asWeir, self))
	if err := os.Chmod(filepath.Join(r.dir, "weir"), 0o700); err != nil {
		r.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.address = l.Addr().String() // was free a moment ago
	_ = l.Close()
	r.t.Cleanup(r.stop)
}

// place puts the test's own ports and database in.
func (r *reader) place(body string) string {
	return strings.NewReplacer(
		"127.0.0.1:8080", r.address,
		"127.0.0.1:5432/app", fmt.Sprintf("127.0.0.1:%d/%s", r.server.Port(), r.db.Name),
	).Replace(body)
}

func (r *reader) write(name, body string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(body), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) sql(body string) {
	r.t.Helper()
	if strings.Contains(body, "pg_drop_replication_slot") {
		r.stop()
	}
	r.db.Exec(body)
	if strings.Contains(body, "ALTER SYSTEM") {
		if err := r.server.Restart(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
}

// sh runs a script in the folder. What it exports is there for the next ones.
func (r *reader) sh(body string) {
	r.t.Helper()
	if strings.TrimSpace(body) == "weir serve" {
		r.serve()
		return
	}
	var out, faults bytes.Buffer
	ctx, cancel := context.WithTimeout(r.t.Context(), readerPatience)
	defer cancel()
	cmd := r.bash(ctx, body+"\nexport -p > exports\n")
	cmd.Stdout, cmd.Stderr = &out, &faults
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that the end of bash is that of its weir
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Run(); err != nil {
		r.t.Fatalf("%s\n%v\n%s%s\nlog of weir:\n%s", body, err, out.String(), faults.String(), r.log.String())
	}
	r.printed = out.String()
}

func (r *reader) bash(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-euc", "touch exports; . ./exports\n"+script)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "PATH="+r.dir+":"+os.Getenv("PATH"))
	return cmd
}

// serve starts weir and waits until it says what the page says.
func (r *reader) serve() {
	r.t.Helper()
	r.serving = r.bash(context.Background(), "exec weir serve")
	r.serving.Stderr = &r.log
	r.serving.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.serving.Start(); err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-r.log.streaming:
	case <-time.After(readerPatience):
		r.t.Fatalf("weir does not stream:\n%s", r.log.String())
	}
}

func (r *reader) stop() {
	if r.serving == nil {
		return
	}
	err := errors.Join(r.serving.Process.Signal(os.Interrupt), r.serving.Wait())
	r.serving = nil
	if err != nil {
		r.t.Errorf("stop weir: %v", err)
	}
}

// streamingLog tells when weir follows the log.
type streamingLog struct {
	syncBuffer
	streaming chan struct{}
	told      bool
}

func (l *streamingLog) Write(b []byte) (int, error) {
	n, err := l.syncBuffer.Write(b)
	if !l.told && strings.Contains(l.String(), "state=streaming") {
		l.told = true
		close(l.streaming)
	}
	return n, err
}
