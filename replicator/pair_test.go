package replicator

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// pair is a primary, with the database, and a standby of it.
type pair struct {
	*pgtest.Database

	standby *pgtest.Database

	options pgtest.Options
	copied  string // data of the primary, from before there was a standby
}

// newPair starts both. Servers before 16 have no slots on standbys: unless it was asked for one of them, there is a newer one.
func newPair(t *testing.T, setup string) *pair {
	t.Helper()
	options := pgtest.Options{Version: pgtest.Shared(t).Version()}
	if old := options.Version < standbyVersionMin/10000; old && os.Getenv(pgtest.VersionVar) != "" {
		t.Skipf("PostgreSQL %d has no slots on standbys", options.Version)
	} else if old {
		options.Version = 18
	}
	d := pgtest.NewOn(t, pgtest.StartServer(t, options))
	d.Exec(setup)
	copied := copyData(t, d.Server)
	p := &pair{Database: d, options: options, copied: copied}
	p.standby = p.another(t, "standby")
	return p
}

// another starts a standby of the primary.
func (p *pair) another(t *testing.T, slot string) *pgtest.Database {
	t.Helper()
	p.Query("SELECT pg_create_physical_replication_slot($1, true)", slot)
	standby := pgtest.StartServer(t, p.options)
	restoreData(t, standby, p.copied)
	demote(t, standby.DataDir())
	replayFrom(t, standby, p.Server, slot)
	if err := standby.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return pgtest.Open(t, standby, p.Name)
}

// replayFrom has a stopped standby replay what the primary writes.
func replayFrom(t *testing.T, standby, primary *pgtest.Server, slot string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(standby.DataDir(), "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "primary_conninfo = '%s'\nprimary_slot_name = %s\nhot_standby_feedback = on\n", conninfo(primary), slot)
	if err != nil {
		t.Fatal(err)
	}
}

func conninfo(s *pgtest.Server) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres", s.Port())
}

// world is one whose source is the standby; the truth is the primary's.
func (p *pair) world(t *testing.T, change func(*Config)) *world {
	t.Helper()
	return newWorld(t, p.Database, itemRules, func(cfg *Config) {
		cfg.PrimaryURI, cfg.URI = cfg.URI, p.standby.URI()
		if change != nil {
			change(cfg)
		}
	})
}
