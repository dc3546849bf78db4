package replicator

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/replicator/pgtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares what an operator sees with testdata/name.
func golden(t *testing.T, name string, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func show(faults Faults) string {
	var b bytes.Buffer
	for _, f := range faults {
		b.WriteString("fault: " + f.Message + "\nhint:  " + f.Hint + "\n\n")
	}
	return b.String()
}

// TestTableFaults: each thing that keeps a table from being replicated is reported, all at once, with what mends it.
func TestTableFaults(t *testing.T) {
	d := pgtest.New(t)
	role := "reader_" + d.Name
	d.Exec(`CREATE ROLE ` + role + ` LOGIN REPLICATION PASSWORD 'secret-word';
		CREATE TABLE good (id int PRIMARY KEY);
		CREATE TABLE "Quoted ""name" (id int PRIMARY KEY);
		CREATE TABLE keyless (id int);
		CREATE TABLE keyless_full (id int); ALTER TABLE keyless_full REPLICA IDENTITY FULL;
		CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
		CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE);
		CREATE TABLE by_index (id int PRIMARY KEY, other int NOT NULL);
		CREATE UNIQUE INDEX by_index_other ON by_index (other); ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_other;
		CREATE TABLE lost_index (id int NOT NULL);
		CREATE UNIQUE INDEX lost_index_id ON lost_index (id); ALTER TABLE lost_index REPLICA IDENTITY USING INDEX lost_index_id;
		DROP INDEX lost_index_id;
		CREATE ACCESS METHOD columnar TYPE TABLE HANDLER heap_tableam_handler;
		CREATE TABLE stored_by_key (id int PRIMARY KEY) USING columnar;
		CREATE TABLE stored (id int) USING columnar; ALTER TABLE stored REPLICA IDENTITY FULL;
		CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
		CREATE VIEW looks AS SELECT * FROM good;
		CREATE MATERIALIZED VIEW kept AS SELECT * FROM good;
		CREATE TABLE secured (id int PRIMARY KEY); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
		CREATE TABLE parted (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
		CREATE TABLE parted_a PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
		CREATE TABLE parted_b PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
		GRANT SELECT ON ALL TABLES IN SCHEMA public TO ` + role + `;
		CREATE TABLE hidden (id int PRIMARY KEY)`)
	defer func() { d.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) }()
	cfg := newConfig(d)
	cfg.URI = withUser(t, d.URI(), role, "secret-word")
	s := connected(t, cfg)
	p, err := s.makePlan(t.Context(), patterns("good", `Quoted "name`, "keyless", "keyless_full", "nothing", "deferred", "by_index",
		"lost_index", "unlogged", "looks", "kept", "secured", "parted", "parted_a", "parted_b%", "hidden", "missing", "other%", "stored%"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(show(p.faults), role, "reader")
	golden(t, "table_faults.txt", got)

	var usable []string
	for _, u := range p.missing {
		usable = append(usable, u.name)
	}
	if diff := cmp.Diff([]string{`Quoted "name`, "by_index", "good", "keyless_full", "parted", "stored_by_key"}, usable); diff != "" {
		t.Errorf("usable tables (-want +got):\n%s", diff)
	}
	if got := p.ready(); len(got) != 8 { // the five, and the wildcards
		t.Errorf("ready definitions: %v", got)
	}
}

// TestSourceFaults: what is wrong with the server, the role and the publication comes all at once.
func TestSourceFaults(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"wal_level": "replica"}})
	d := pgtest.NewOn(t, server)
	d.Exec(`CREATE ROLE plain LOGIN PASSWORD 'secret-word'; CREATE TABLE keyless (id int);
		SET client_min_messages = error;
		CREATE PUBLICATION poor FOR TABLE keyless WITH (publish = 'insert, delete', publish_via_partition_root = true)`)
	cfg := newConfig(d)
	cfg.URI = withUser(t, d.URI(), "plain", "secret-word")
	cfg.Publication = "poor"
	s := connected(t, cfg)
	pub, err := readPublication(t.Context(), s.pool, "poor")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "source_faults.txt", show(append(s.sv.faults(), pub.faults("poor")...)))
}

// TestConnectFaults: who can't connect learns why, and the password is in none of it.
func TestConnectFaults(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{})
	d := pgtest.NewOn(t, server)
	var got bytes.Buffer
	for _, test := range []struct{ name, uri string }{
		{"database", strings.Replace(d.URI(), "/"+d.Name, "/nowhere", 1)},
		{"user", withUser(t, d.URI(), "nobody", "secret-word")},
		{"host", "postgres://u:secret-word@127.0.0.1:1/app"},
		{"uri", "postgres://u:secret-word@[/app"},
	} {
		cfg := newConfig(d)
		cfg.URI = test.uri
		s := New(cfg, nil)
		err := s.openPools()
		if err == nil {
			err = s.inspect(t.Context())
			s.closePools()
		}
		got.WriteString(test.name + "\n" + show(faultsOf(err)))
	}
	text := strings.ReplaceAll(got.String(), portOf(t, d.URI()), "PORT")
	golden(t, "connect_faults.txt", text)
	if strings.Contains(got.String(), "secret-word") {
		t.Error("the password is shown")
	}
}
