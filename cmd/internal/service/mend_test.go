package service

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A source that is unfit in every way is reported in health and log with the SQL that mends it, each fault as soon as the one before it
// is mended, and weir gets ready without a restart.
func TestSourceIsMended(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"wal_level": "replica"}})
	db := pgtest.NewOn(t, server)
	db.Exec(`CREATE ROLE app LOGIN PASSWORD 'right-word';
		CREATE TABLE items (id text PRIMARY KEY); INSERT INTO items VALUES ('1')`)
	hba := filepath.Join(server.DataDir(), "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("host all app all scram-sha-256\nhost all postgres all trust\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	db.Exec("SELECT pg_reload_conf()")
	log := &lockedBuffer{}
	cfg := newConfig(t, strings.Replace(db.URI(), "postgres@", "app:secret-word@", 1), everyItem)
	cfg.Log.HashUserIDs = false
	endpoint, _, _ := startObserved(t, cfg, slog.New(slog.NewTextHandler(log, nil)))
	says := func(sql ...string) {
		t.Helper()
		until(t, endpoint, func(r readiness) bool {
			all := strings.Join(r.Reasons, "\n")
			if strings.Contains(all, "-word") || strings.Contains(log.String(), "-word") {
				t.Fatalf("a password is shown: %s\n%s", all, log.String())
			}
			for _, s := range sql {
				if !strings.Contains(all, s) {
					return false
				}
			}
			return r.status == http.StatusBadRequest && !r.Ready
		})
		if resp, err := http.Get(endpoint + "/probes/liveness"); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("not alive: %v, %v", resp, err)
		} else {
			_ = resp.Body.Close()
		}
	}
	says(`ALTER ROLE "app" PASSWORD`)
	db.Exec("ALTER ROLE app PASSWORD 'secret-word'")
	says("ALTER SYSTEM SET wal_level = logical", `ALTER ROLE "app" REPLICATION`, `GRANT SELECT ON "public"."items" TO "app"`)
	db.Exec("ALTER ROLE app REPLICATION")
	db.Exec("ALTER SYSTEM SET wal_level = logical")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	says(`CREATE PUBLICATION`)
	db.Exec("CREATE PUBLICATION weir_service; GRANT SELECT ON items TO app")
	says(`ALTER PUBLICATION "weir_service" ADD TABLE ONLY "public"."items"`)
	db.Exec(`ALTER PUBLICATION "weir_service" ADD TABLE ONLY "public"."items"`)
	until(t, endpoint, func(r readiness) bool { return r.status == http.StatusOK && r.Ready && len(r.Reasons) == 0 })
	for _, code := range []string{"code=login", "code=wal-level", "code=replication-privilege", "code=publication-missing", "code=not-published"} {
		if n := strings.Count(log.String(), code); n != 1 && code != "code=login" {
			t.Errorf("the log has %s %d times, want it once:\n%s", code, n, log)
		}
	}
}
