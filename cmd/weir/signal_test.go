package main

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients/rsocket"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestSecondSignal stops weir while a client doesn't take its goodbye: a second signal must not wait for it.
func TestSecondSignal(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(`CREATE TABLE items (id text PRIMARY KEY)`)
	p := newProcess(t, db, "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n")
	p.start()
	p.awaitLog("listening")
	deafClient(t, p)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.awaitLog("stopping")
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	var err error
	for ended := false; !ended; {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // again, until the handler is gone
		select {
		case err = <-done:
			ended = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	p.cmd = nil
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("weir ended with %v, want to be ended by the signal", err)
	}
}

// deafClient sets a connection up that weir must close, and never reads from it.
func deafClient(t *testing.T, p *process) {
	t.Helper()
	metadata, err := json.Marshal(map[string]string{"token": "Token " + p.token("u1")})
	if err != nil {
		t.Fatal(err)
	}
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.endpoint, "http")+"/sync/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	frames := []rsocket.Frame{
		{
			Type: rsocket.TypeSetup, Flags: rsocket.FlagMetadata, Major: 1, KeepaliveMS: 20000, LifetimeMS: 90000,
			MetadataMime: "application/json", DataMime: "application/json", Metadata: metadata,
		},
		{Type: rsocket.TypeKeepalive, Flags: rsocket.FlagRespond},
	}
	for _, f := range frames {
		if err := ws.WriteMessage(websocket.BinaryMessage, f.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := ws.ReadMessage(); err != nil { // the answer to the keep-alive: weir is past the setup
		t.Fatal(err)
	}
}

// awaitLog waits until weir has logged the text.
func (p *process) awaitLog(text string) {
	p.t.Helper()
	for deadline := time.Now().Add(watchTimeout); !strings.Contains(p.log.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("weir never logged %q", text)
		}
	}
}
