// Package interop drives the stock SDKs (@powersync/node in a Node.js process, @powersync/web in a headless Chromium) from tests: what
// they have to say to weir is the proof that weir speaks the protocol. run.sh installs them and runs the tests that need them.
package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Options of a Client. Its JSON is what app.mjs reads.
type Options struct {
	Endpoint       string              `json:"endpoint"`
	Token          string              `json:"token"`
	Method         string              `json:"method"` // http or ws
	Dir            string              `json:"dir"`    // of its database: a client started later on the same one goes on where this one stopped
	Tables         map[string][]string `json:"tables"`
	CheckpointMode string              `json:"checkpointMode,omitempty"` // legacy if empty
	Backend        string              `json:"backend,omitempty"`        // address that uploads are posted to; they are dropped if empty
	Browser        bool                `json:"-"`                        // the SDK for the web, on a page of another origin
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
	options, err := json.Marshal(opts)
	if err != nil {
		tb.Fatal(err)
	}
	script := "client.mjs"
	if opts.Browser {
		script = "browser.mjs"
		needChromium(tb, dir)
	}
	cmd := exec.Command("node", filepath.Join(dir, script))
	cmd.Env = append(os.Environ(), "OPTIONS="+string(options))
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

// needChromium skips the test where there is none and run.sh could not get one, or where this machine lacks what it needs to start.
func needChromium(tb testing.TB, dir string) {
	tb.Helper()
	path := os.Getenv("WEIR_CHROMIUM")
	if path == "" {
		path = filepath.Join(dir, "node_modules", ".browser", "chromium")
		if _, err := os.Stat(path); err != nil {
			if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
				tb.Fatal("Chromium is not installed: run clients/interop/run.sh")
			}
			tb.Skip("the packaged Chromium is for Linux on x86-64 only: set WEIR_CHROMIUM to one of this machine")
		}
	}
	if missing := missingLibrary(path); missing != "" {
		tb.Skipf("Chromium can't start on this machine: %s. Install the library, or set WEIR_CHROMIUM to a Chromium of this machine", missing)
	}
}

// missingLibrary is what the dynamic linker says if it can't start the program for lack of a library, "" if that is not what is wrong.
func missingLibrary(path string) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != linkerFailed {
		return ""
	}
	text, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(text, path+": ")
}

// linkerFailed is the exit code of the dynamic linker.
const linkerFailed = 127

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

// Insert writes a row locally. The SDK uploads it.
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
