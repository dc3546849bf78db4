package replicator

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
	"github.com/weirsync/weir/syncrules"
)

// newConfig names slot and publication after the database, since slots are the server's.
func newConfig(d *pgtest.Database) Config {
	return Config{URI: d.URI(), Slot: "weir_" + d.Name, Publication: "weir_" + d.Name}
}

// connected returns a source that has inspected its server, but has no store and is not running.
func connected(t *testing.T, cfg Config) *Source {
	t.Helper()
	s := New(cfg, nil)
	if err := s.openPools(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.closePools)
	if err := s.inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// patterns makes a demand of tables in schema public; a name that ends in % is a wildcard.
func patterns(names ...string) demand {
	d := demand{needs: map[buckets.DefinitionID][]syncrules.TablePattern{}}
	for i, name := range names {
		p := syncrules.TablePattern{Connection: "default", Schema: "public", Name: name}
		if n := len(name) - 1; name[n] == '%' {
			p.Name, p.Wildcard = name[:n], true
		}
		d.patterns = append(d.patterns, p)
		d.needs[buckets.DefinitionID(i+1)] = []syncrules.TablePattern{p}
	}
	return d
}

// withUser changes who a uri connects as.
func withUser(t *testing.T, uri, user, password string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

// published makes the source's publication with all that d wants, and returns the plan.
func published(t *testing.T, s *Source, d demand) *plan {
	t.Helper()
	if err := createPublication(t.Context(), s.pool, s.cfg.Publication, s.sv, s.cfg.Manual); err != nil {
		t.Fatal(err)
	}
	p, err := s.makePlan(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err = s.publish(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func portOf(t *testing.T, uri string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// eventually polls the server until sql gives true: what another backend does has no other signal.
func eventually(t *testing.T, d *pgtest.Database, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for d.Value(sql, args...) != "t" {
		if pause(ctx, 5*time.Millisecond) != nil {
			t.Fatalf("never true: %s", sql)
		}
	}
}

// execOn runs statements on a connection of the test's own.
func execOn(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// simple makes several statements one Exec.
var simple = []any{pgx.QueryExecModeSimpleProtocol}
