package main

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/replicator/pgtest"
)

// awaitProbe probes until the exit code is as wanted, and returns what was printed.
func (p *process) awaitProbe(name string, want int) string {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		code, out, faults := runCommand(p.t, "", "probe", name, "--config", p.config())
		if code == want {
			return out + faults
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("weir probe %s: exit %d, want %d\n%s%s", name, code, want, out, faults)
		}
	}
}

// A weir without its database is alive and says why it is not ready; with it, it is ready.
func TestProbe(t *testing.T) {
	db := pgtest.New(t)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY)")
	p := newProcess(t, db, "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n")
	if out := p.awaitProbe("liveness", exitFault); !strings.Contains(out, "weir does not answer") {
		t.Errorf("nobody listens: %s", out)
	}
	p.env = []string{"WEIR_SOURCE_URI=postgres://app@127.0.0.1:1/app"}
	p.start()
	p.awaitProbe("liveness", exitOK)
	if out := p.awaitProbe("readiness", exitFault); !strings.Contains(out, `"ready":false`) {
		t.Errorf("without a database: %s", out)
	}
	p.kill()
	p.env = nil
	p.start()
	for _, name := range []string{"readiness", "startup", "liveness"} {
		if out := p.awaitProbe(name, exitOK); !strings.Contains(out, `"ready":true`) && name == "readiness" {
			t.Errorf("%s: %s", name, out)
		}
	}
	p.stop()
}

// The certificate that the configuration names is trusted, whatever host it is for.
func TestProbeOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil) // answers 404
	defer server.Close()
	cert := filepath.Join(t.TempDir(), "tls.crt")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(cert, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_TLS_CERT", cert)
	t.Setenv("WEIR_TLS_KEY", cert)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	code, out, faults := runCommand(t, "", "probe", "liveness", "--listen", ":"+port)
	if code != exitFault || !strings.Contains(out, "404") || faults != "" {
		t.Errorf("exit %d, %q, %q", code, out, faults)
	}
}

func TestProbeUsage(t *testing.T) {
	if code, _, faults := runCommand(t, "", "probe", "health"); code != exitUsage || !strings.Contains(faults, "startup, liveness, readiness") {
		t.Errorf("exit %d: %s", code, faults)
	}
}
