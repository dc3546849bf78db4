// Package interop drives the stock SDK (@powersync/node, in a Node.js process) from tests: what it has to say to weir is the proof that
// weir speaks the protocol. run.sh installs the SDK and runs the tests that need it.
package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Options of a Client.
type Options struct {
	Endpoint       string
	Token          string
	Method         string // http or ws
	Dir            string // of its database: a client started later on the same one goes on where this one stopped
	Tables         map[string][]string
	CheckpointMode string // legacy if empty
}

// State is what a client says of itself.
type State struct {
	Connected bool
	Synced    bool // at least once
	SyncedAt  string
	Error     string
	Tables    map[string]map[string]map[string]any // table, id, column
}

// Client is a running client.
type Client struct {
	tb     testing.TB
	stdin  io.WriteCloser
	states chan State
	stderr *output
	stop   func()
}

// output is what a process printed.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// patience is how long anything may take before a test fails: a Node.js process on a busy machine.
const patience = 60 * time.Second

// Start starts a client, which is stopped when the test ends. Where the SDK is not installed the test is skipped, unless WEIR_INTEROP
// says that it must be there.
func Start(tb testing.TB, opts Options) *Client {
	tb.Helper()
	dir := home(tb)
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@powersync", "node")); err != nil {
		if os.Getenv("WEIR_INTEROP") != "" {
			tb.Fatal("the stock SDK is not installed: run clients/interop/run.sh")
		}
		tb.Skip("the stock SDK is not installed: run clients/interop/run.sh")
	}
	tables, err := json.Marshal(opts.Tables)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join(dir, "client.mjs"))
	cmd.Env = append(os.Environ(), "ENDPOINT="+opts.Endpoint, "TOKEN="+opts.Token, "METHOD="+opts.Method, "DB_DIR="+opts.Dir,
		"TABLES="+string(tables), "CHECKPOINT_MODE="+opts.CheckpointMode)
	c := &Client{tb: tb, states: make(chan State, 1000), stderr: &output{}}
	cmd.Stderr = c.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { c.read(stdout) })
	c.stop = sync.OnceFunc(func() {
		_ = c.stdin.Close()
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		reading.Wait()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("stock client: %v\n%s", err, c.stderr)
		}
	})
	tb.Cleanup(c.stop)
	return c
}

// home is the folder of this package: tests run in that of their own.
func home(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return filepath.Join(dir, "clients", "interop")
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
		} else {
			err = errors.New("no go.mod above the test")
		}
	}
	tb.Fatal(err)
	return ""
}

func (c *Client) read(stdout io.Reader) {
	defer close(c.states)
	in := bufio.NewReader(stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var s State
		if err := json.Unmarshal(line, &s); err != nil {
			c.tb.Errorf("stock client says %q: %v", line, err)
			return
		}
		c.states <- s
	}
}

// Stop ends the client.
func (c *Client) Stop() { c.stop() }

// Wait waits until the client is in a state that fulfils cond, and returns it.
func (c *Client) Wait(what string, cond func(State) bool) State {
	c.tb.Helper()
	var last State
	late := time.After(patience)
	for {
		select {
		case s, ok := <-c.states:
			if !ok {
				c.tb.Fatalf("stock client ended while waiting for %s, last state %+v\n%s", what, last, c.stderr)
			}
			if last = s; cond(s) {
				return s
			}
		case <-late:
			c.tb.Fatalf("no %s in time, last state %+v\n%s", what, last, c.stderr)
		}
	}
}

// Insert writes a row locally. The SDK uploads it to a backend that drops it.
func (c *Client) Insert(table string, row map[string]string) {
	c.tb.Helper()
	text, err := json.Marshal(map[string]any{"insert": table, "row": row})
	if err != nil {
		c.tb.Fatal(err)
	}
	if _, err := c.stdin.Write(append(text, '\n')); err != nil {
		c.tb.Fatal(err)
	}
}
