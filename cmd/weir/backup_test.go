package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestBackupAndRestore: a store is backed up while it is in use, goes on, and is replaced by its backup. A client that has the newer state
// comes to what Postgres has, and sees neither an older checkpoint nor older rows on the way there.
func TestBackupAndRestore(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY, n int); INSERT INTO items SELECT i, 1 FROM generate_series(1, 1000) i")
	p := newProcess(t, db, "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n")
	p.start()
	w := p.survive(t)
	w.until(t, func(rows string) bool { return strings.Count(rows, `"n":1`) == 1000 })
	backup, store := filepath.Join(p.dir, "weir.bak"), filepath.Join(p.dir, "weir.db")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"backup", backup, "--config", p.config()}, exitOK, "weir.bak: "},
		{[]string{"backup", backup, "--config", p.config()}, exitFault, "file already exists; choose a name that is free"},
		{[]string{"backup", backup + "2", store}, exitFault, "leave out the store's name"},
		{[]string{"check", backup}, exitOK, "no fault found"},
		{[]string{"check", store}, exitFault, "in use by another process"},
	} {
		if code, out, faults := runCommand(t, "", c.args...); code != c.code || !strings.Contains(out+faults, c.want) {
			t.Errorf("%q: exit %d\n%s%s, want %d and %q", c.args, code, out, faults, c.code, c.want)
		}
	}
	db.Exec("UPDATE items SET n = 2; DELETE FROM items WHERE id::int > 900; INSERT INTO items VALUES ('new', 2)")
	w.until(t, func(rows string) bool { return strings.Count(rows, `"n":2`) == 901 })
	p.stop()
	db.Exec("UPDATE items SET n = 3 WHERE id = '1'")
	if err := os.Rename(backup, store); err != nil {
		t.Fatal(err)
	}
	p.start()
	w.until(t, func(rows string) bool {
		return strings.Count(rows, `"n":2`) == 900 && strings.Count(rows, `"n":3`) == 1 && strings.Count(rows, `"n"`) == 901
	})
	db.Exec("DELETE FROM items WHERE id = 'new'")
	w.until(t, func(rows string) bool { return strings.Count(rows, `"n":2`) == 899 })
	w.stop(t)
	for _, line := range []string{"the store is a backup", "history lost", "the backup was compared"} {
		if !strings.Contains(p.log.String(), line) {
			t.Errorf("the log lacks %q", line)
		}
	}
	p.stop()
	again := backup + ".offline"
	if code, out, faults := runCommand(t, "", "backup", again, store, "--json"); code != exitOK || !strings.Contains(out, `"store_bytes"`) {
		t.Errorf("backup of a file: exit %d\n%s%s", code, out, faults)
	}
	if code, out, faults := runCommand(t, "", "check", again); code != exitOK {
		t.Errorf("check: exit %d\n%s%s", code, out, faults)
	}
	if err := os.Rename(again, store); err != nil {
		t.Fatal(err)
	}
	p.start() // nothing was missed: the stream goes on
	db.Exec("DELETE FROM items WHERE id = '2'")
	p.sync(func(c *syncclient.Client) bool { return len(c.Rows("items")) == 899 })
	p.stop()
	if n := strings.Count(p.log.String(), "history lost"); n != 1 {
		t.Errorf("the log tells %d times that history was lost, want once", n)
	}
	missing := filepath.Join(p.dir, "missing.db")
	if code, _, faults := runCommand(t, "", "backup", again+"2", missing); code != exitFault || !strings.Contains(faults, "missing.db") {
		t.Errorf("backup of no file: exit %d, %s", code, faults)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("backup made a store")
	}
}

// survivor is a client that keeps what it has over weir's restarts, and notes what must not be.
type survivor struct {
	client  *syncclient.Client
	cancel  func()
	ended   chan error
	applied chan struct{} // capacity 1
	faults  chan string   // the first one
}

func (p *process) survive(t *testing.T) *survivor {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &survivor{cancel: cancel, ended: make(chan error, 1), applied: make(chan struct{}, 1), faults: make(chan string, 1)}
	var last int64
	seen := map[string]int{} // how often rows with n = 2 were in a checkpoint
	w.client = syncclient.New(syncclient.Options{
		Endpoint: p.endpoint, Token: syncclient.StaticToken(p.token("u")), RetryDelay: 20 * time.Millisecond,
		OnApply: func(a syncclient.Applied) {
			rows := w.rows()
			if int64(a.Checkpoint) < last || seen["2"] > 0 && strings.Contains(rows, `"n":1`) {
				select {
				case w.faults <- "it went back: " + rows[:min(len(rows), 200)]:
				default:
				}
			}
			last, seen["2"] = int64(a.Checkpoint), seen["2"]+strings.Count(rows, `"n":2`)
			select {
			case w.applied <- struct{}{}:
			default:
			}
		},
	})
	go func() { w.ended <- w.client.Run(ctx) }()
	return w
}

func (w *survivor) rows() string {
	var b strings.Builder
	for _, r := range w.client.Rows("items") {
		b.Write(r.Data)
	}
	return b.String()
}

func (w *survivor) until(t *testing.T, cond func(rows string) bool) {
	t.Helper()
	timeout := time.After(watchTimeout)
	for !cond(w.rows()) {
		select {
		case <-w.applied:
		case <-timeout:
			t.Fatalf("the client did not come there: %d rows, %+v", strings.Count(w.rows(), `"n"`), w.client.Stats())
		}
	}
}

func (w *survivor) stop(t *testing.T) {
	t.Helper()
	w.cancel()
	if err := <-w.ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("the client ended with %v", err)
	}
	select {
	case fault := <-w.faults:
		t.Error(fault)
	default:
	}
}

// get asks weir with the token of the API.
func (p *process) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.endpoint+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token-of-the-tests")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
