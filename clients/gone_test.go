package clients_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/clientstest"
)

// Clients go in the middle of a download every day, or stop reading: their doing, which is no fault of weir's, and nothing for an operator.
func TestClientsThatGoAreNoFailures(t *testing.T) {
	w := newWorld(t, definitions+mine)
	var changes []clientstest.Change
	for i := range 16 {
		changes = append(changes, w.lists.Insert(string(rune('a'+i)), "u1", strings.Repeat("x", 1<<20)))
	}
	w.Commit(changes...)
	for _, way := range []struct {
		name string
		open func(t *testing.T, url string) net.Conn
	}{
		{"HTTP", openRaw("")},
		{"RSocket", openSocket("")},
		{"JSON socket", openSocket(clients.JSONProtocol)},
	} {
		for _, stalls := range []bool{false, true} {
			log := &logBuffer{}
			srv := w.Serve(t, func(cfg *clients.Config) {
				cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
				if stalls {
					cfg.WriteTimeout = 100 * time.Millisecond
				}
			})
			conn := way.open(t, srv.URL)
			stall(t, conn, 4<<10)
			if !stalls {
				if err := conn.Close(); err != nil { // with data unread: a reset
					t.Fatal(err)
				}
			}
			eventually(t, way.name+": the session ends", func() bool { return log.line("client gone") != "" })
			if line := log.line("client gone"); !strings.Contains(line, `why="connection closed"`) {
				t.Errorf("%s: got %s", way.name, line)
			}
			srv.Close(t)
			if failures := srv.Stats().Failures; len(failures) > 0 || log.line("ERROR") != "" {
				t.Errorf("%s: failures %v, log:\n%s", way.name, failures, log.line("ERROR"))
			}
		}
	}
}
