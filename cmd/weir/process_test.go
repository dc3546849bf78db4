package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

// asWeir in the environment makes the test binary be weir: so that a test can kill a real process.
const asWeir = "WEIR_TEST_AS_WEIR"

func TestMain(m *testing.M) {
	if os.Getenv(asWeir) != "" {
		main()
	}
	pgtest.Main(m)
}

// process is weir in a process of its own.
type process struct {
	t        *testing.T
	program  string // the test binary as weir, unless it says otherwise
	dir      string
	endpoint string
	cmd      *exec.Cmd

	env []string // beside that of the test
	log *syncBuffer
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newProcess(t *testing.T, db *pgtest.Database, rules string) *process {
	t.Helper()
	// A port that was free a moment ago: the same one for every start, so that clients find the way back.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	config := fmt.Sprintf(`
sources:
  - uri: %s
    slot: weir_%s
store: {path: %%s}
rules: {path: %%s}
listen: %s
auth:
  audience: [weir]
  jwks: {keys: [{kty: oct, alg: HS256, kid: dev, k: c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0}]}
api: {tokens: [token-of-the-tests]}
log: {level: debug}
`, db.URI(), db.Name, address)
	dir := t.TempDir()
	config = fmt.Sprintf(config, filepath.Join(dir, "weir.db"), filepath.Join(dir, "rules.yaml"))
	for name, text := range map[string]string{"weir.yaml": config, "rules.yaml": rules} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &process{t: t, program: os.Args[0], dir: dir, endpoint: "http://" + address, log: &syncBuffer{}}
	t.Cleanup(func() {
		if p.cmd != nil {
			p.kill()
		}
		if t.Failed() {
			t.Logf("weir's log:\n%s", p.log)
		}
	})
	return p
}

func (p *process) config() string { return filepath.Join(p.dir, "weir.yaml") }

// configure adds to the configuration.
func (p *process) configure(text string) {
	p.t.Helper()
	f, err := os.OpenFile(p.config(), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.program, "serve", "--config", p.config())
	p.cmd.Env = append(append(os.Environ(), asWeir+"=1"), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

// stop asks weir to stop and checks that it did so gracefully and left a sound store.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("weir ended with %v", err)
	}
	p.cmd = nil
	if code, out, faults := runCommand(p.t, "", "check", filepath.Join(p.dir, "weir.db")); code != 0 {
		p.t.Errorf("weir check: exit %d\n%s%s", code, out, faults)
	}
}

// token signs a token for a user.
func (p *process) token(user string) string {
	p.t.Helper()
	code, out, faults := runCommand(p.t, "", "token", "--config", p.config(), "--sub", user)
	if code != 0 {
		p.t.Fatalf("weir token: %s", faults)
	}
	return strings.TrimSpace(out)
}

// awaitSlot returns a while after weir holds its slot.
func (p *process) awaitSlot(db *pgtest.Database, while time.Duration) {
	p.t.Helper()
	for db.Value(`SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = $1`, "weir_"+db.Name) != "1" {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(while) // any moment will do: the kill must not wait for a good one
}

// sync connects a client until it has what done asks for at a checkpoint, and returns it with its rows.
func (p *process) sync(done func(*syncclient.Client) bool) *syncclient.Client {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*time.Minute)
	defer cancel()
	var client *syncclient.Client
	reached := false
	client = syncclient.New(syncclient.Options{
		Endpoint: p.endpoint, Token: syncclient.StaticToken(p.token("u")), RetryDelay: 50 * time.Millisecond,
		OnApply: func(syncclient.Applied) {
			if done(client) {
				reached = true
				cancel()
			}
		},
	})
	if err := client.Run(ctx); !reached {
		p.t.Fatalf("a client did not get there: %v", err)
	}
	return client
}

// watcher is a client that checks what must hold at every checkpoint.
type watcher struct {
	user      string
	transport syncclient.Transport
	client    *syncclient.Client
	registers map[string]int // as of the checkpoint before
}

type watchers struct {
	list   []*watcher
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu      sync.Mutex
	applied chan struct{} // closed and replaced when any client applied a checkpoint
	faults  []string
}

// startWatchers connects a client of two users over each transport.
func startWatchers(t *testing.T, p *process) *watchers {
	ctx, cancel := context.WithCancel(t.Context())
	ws := &watchers{cancel: cancel, applied: make(chan struct{})}
	for _, user := range []string{"u0", "u1"} {
		for _, transport := range []syncclient.Transport{syncclient.HTTP, syncclient.HTTPLines, syncclient.WebSocket} {
			w := &watcher{user: user, transport: transport, registers: map[string]int{}}
			w.client = syncclient.New(syncclient.Options{
				Endpoint: p.endpoint, Token: syncclient.StaticToken(p.token(user)), Transport: transport, RetryDelay: 20 * time.Millisecond,
				OnApply: func(a syncclient.Applied) { ws.check(w, a) },
				OnError: func(err error) {
					var sum *syncclient.ChecksumError
					if errors.As(err, &sum) {
						ws.fault("%s over transport %d: %v", w.user, w.transport, err)
					}
				},
			})
			ws.list = append(ws.list, w)
			ws.group.Go(func() { _ = w.client.Run(ctx) })
		}
	}
	return ws
}

// check is called at every applied checkpoint: the sum over all accounts is constant, and registers never go back (I1).
func (ws *watchers) check(w *watcher, a syncclient.Applied) {
	sum := 0
	accounts := ws.numbers(w, "accounts", "balance")
	for _, balance := range accounts {
		sum += balance
	}
	if sum != 1000 {
		ws.fault("%s over transport %d sees %d in %d accounts at checkpoint %d (priority %d)", w.user, w.transport, sum, len(accounts), a.Checkpoint, a.Priority)
	}
	registers := ws.numbers(w, "registers", "n")
	for id, before := range w.registers {
		if n, ok := registers[id]; !ok || n < before {
			ws.fault("%s over transport %d sees register %s go from %d to %d at checkpoint %d", w.user, w.transport, id, before, n, a.Checkpoint)
		}
	}
	w.registers = registers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	close(ws.applied)
	ws.applied = make(chan struct{})
}

// numbers is a column of a client's table, by id.
func (ws *watchers) numbers(w *watcher, table, column string) map[string]int {
	out := map[string]int{}
	for _, r := range w.client.Rows(table) {
		var row map[string]any
		err := json.Unmarshal(r.Data, &row)
		n, ok := row[column].(float64)
		if !ok {
			ws.fault("row %s of %s: %v, %v", r.ID, table, row[column], err)
		}
		out[r.ID] = int(n)
	}
	return out
}

func (ws *watchers) fault(format string, args ...any) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.faults = append(ws.faults, fmt.Sprintf(format, args...))
}

const watchTimeout = time.Minute

// until waits until cond holds for every client.
func (ws *watchers) until(t *testing.T, cond func(*syncclient.Client) bool) {
	t.Helper()
	timeout := time.After(watchTimeout)
	for {
		ws.mu.Lock()
		applied := ws.applied
		ws.mu.Unlock()
		all := true
		for _, w := range ws.list {
			all = all && cond(w.client)
		}
		if all {
			return
		}
		select {
		case <-applied:
		case <-timeout:
			for _, w := range ws.list {
				t.Logf("%s over transport %d: %+v", w.user, w.transport, w.client.Stats())
			}
			t.Fatalf("not all clients came there; faults: %q", ws.faults)
		}
	}
}

// more waits until every client has applied some more checkpoints.
func (ws *watchers) more(t *testing.T) {
	t.Helper()
	from := map[*syncclient.Client]int64{}
	for _, w := range ws.list {
		from[w.client] = w.client.Stats().Checkpoints
	}
	ws.until(t, func(c *syncclient.Client) bool { return c.Stats().Checkpoints > from[c]+3 })
}

func (ws *watchers) stop(t *testing.T) {
	t.Helper()
	ws.cancel()
	ws.group.Wait()
	for _, f := range ws.faults {
		t.Error(f)
	}
}

// context ends with the test.
func (p *process) context() (context.Context, context.CancelFunc) {
	return context.WithCancel(p.t.Context())
}

// isolate has commands see nothing of the environment that they would ask for their weir.
func isolate(t *testing.T) {
	t.Helper()
	for _, name := range []string{configFileVar, tokenVar, apiTokenVar, endpointVar} {
		t.Setenv(name, "")
	}
}
