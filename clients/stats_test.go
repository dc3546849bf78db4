package clients_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/syncclient"
)

// logBuffer is a log that a test reads.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// line returns the first line that has all of words.
func (b *logBuffer) line(words ...string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.buf.String()) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			return line
		}
	}
	return ""
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// Sessions count by transport while they last, and what is sent to them with the time since its commit; log lines name client and user.
func TestStatsOfSessions(t *testing.T) {
	store := clientstest.NewStore(t)
	lists := store.Table("lists", "id", "owner", "name")
	store.Deploy(definitions + mine)
	log := &logBuffer{}
	var mu sync.Mutex
	var sent []buckets.OpID
	srv := store.Serve(t, func(c *clients.Config) {
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
		c.HashUserIDs = true
		c.Sent = func(op buckets.OpID, _ time.Time) {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, op)
		}
	})
	for _, transport := range []syncclient.Transport{syncclient.HTTP, syncclient.WebSocket} {
		f := follow(t, syncclient.Options{
			Endpoint: srv.URL, Token: syncclient.StaticToken(clientstest.Token(t, "geheim-1")), Transport: transport,
			RetryDelay: time.Hour, // who comes again while the server shuts down is refused, which follow reports
		})
		<-f.applied
	}
	store.Commit(lists.Insert("a", "geheim-1", "x"))
	eventually(t, "both got the row", func() bool { return srv.Stats().Sent.Count == 2 })
	st := srv.Stats()
	for _, name := range []clients.Transport{clients.OverHTTP, clients.OverRSocket} {
		if got := st.Transports[name]; got.Sessions != 1 || got.Opened != 1 || got.Lines < 5 || got.Bytes < 100 || got.Stalls != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if st.Connections != 2 || st.MaxConnections != clients.MaxConnectionsDefault || st.Sent.Upto[10*time.Second] != 2 {
		t.Errorf("got %+v", st)
	}
	srv.Close(t)
	eventually(t, "sessions end", func() bool { return srv.Stats().Transports[clients.OverHTTP].Sessions == 0 })
	mu.Lock()
	defer mu.Unlock()
	if len(sent) != 2 || sent[0] == 0 {
		t.Errorf("sent %v", sent)
	}
	if log.line("client connected", "path=/sync/stream", "user=b252fb3e5a0d") == "" {
		t.Error("no line of a connection")
	}
	if log.line("client gone", "why=shutdown", "lines=", "bytes=") == "" || log.line("geheim") != "" {
		t.Errorf("log:\n%s", log.buf.String())
	}
}

func TestStatsOfRefusals(t *testing.T) {
	store := clientstest.NewStore(t)
	srv := store.Serve(t, nil)
	for range 2 {
		call(t, http.MethodPost, srv.URL+"/sync/stream", "Token nonsense", "{}")
	}
	call(t, http.MethodPost, srv.URL+"/sync/stream", "", "{}")
	call(t, http.MethodGet, srv.URL+"/nowhere", "", "")
	st := srv.Stats()
	if st.AuthFailures["PSYNC_S2101"] != 2 || st.AuthFailures["PSYNC_S2106"] != 1 || st.Failures["PSYNC_S2002"] != 1 {
		t.Errorf("got %+v", st)
	}
}
