package replicator

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestStandbyIsRefused: a standby has no markers (architecture 5.10), so weir neither reads nor streams from one whose primary it does not know,
// and says where to go. Clients keep what there is, and once the server is promoted the stream goes on by itself.
func TestStandbyIsRefused(t *testing.T) {
	d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.compare(itemTruth)
	before := w.rows()
	w.stop()
	if err := d.Server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	demote(t, d.Server.DataDir())
	if err := d.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.until(func() bool { return len(w.source.Health().Faults) > 0 })
	golden(t, "standby.txt", show(w.source.Health().Faults))
	if got := show(Examine(t.Context(), w.cfg, nil).Faults); got != show(w.source.Health().Faults) {
		t.Errorf("the doctor says:\n%s", got)
	}
	if len(before) == 0 || len(w.rows()) != len(before) {
		t.Errorf("clients see %d rows, want the %d from before", len(w.rows()), len(before))
	}
	if got := d.Value("SELECT pg_promote()"); got != "t" {
		t.Fatalf("promote: %s", got)
	}
	d.Exec("UPDATE items SET v = 'after the promotion' WHERE id < 9")
	w.compare(itemTruth)
	if table := w.store.Tables("default")[0]; table.Generation != 1 || table.Phase != buckets.Done {
		t.Errorf("generation %d, phase %v: nothing was to be read again", table.Generation, table.Phase)
	}
}

// TestPrimaryAmongHosts: of several hosts the one that takes writes is used on all connections, wherever it stands in the list.
func TestPrimaryAmongHosts(t *testing.T) {
	d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
	d.Exec(itemTable)
	copied := copyData(t, d.Server)
	standby := pgtest.StartServer(t, pgtest.Options{})
	restoreData(t, standby, copied)
	demote(t, standby.DataDir())
	if err := standby.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	host := fmt.Sprintf("127.0.0.1:%d", d.Server.Port())
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.URI = strings.Replace(d.URI(), host, fmt.Sprintf("127.0.0.1:%d,%s", standby.Port(), host), 1) + "&target_session_attrs=read-write"
	})
	w.start()
	w.compare(itemTruth)
	d.Exec("UPDATE items SET v = 'streamed' WHERE id < 9")
	w.compare(itemTruth)
}

// TestStandby: what is read through a standby is the primary's state: the first snapshot, the stream, a table that comes later, and one that
// is read again. Nobody writes to the idle primary while the slot is made.
func TestStandby(t *testing.T) {
	for _, concurrent := range []bool{false, true} {
		t.Run(fmt.Sprintf("concurrent %t", concurrent), func(t *testing.T) {
			p := newPair(t, itemTable)
			w := p.world(t, func(cfg *Config) { cfg.Snapshot = SnapshotConfig{Concurrent: concurrent, ChunkBytes: 4096} })
			w.start()
			w.compare(itemTruth)
			p.Exec("UPDATE items SET v = 'streamed' WHERE id < 9; DELETE FROM items WHERE id = 15; INSERT INTO items VALUES (99, 'new', NULL)")
			w.compare(itemTruth)
			if _, err := w.source.Resnapshot(t.Context(), ResnapshotRequest{Schema: "public", Table: "items"}); err != nil {
				t.Fatal(err)
			}
			p.Exec("UPDATE items SET v = 'meanwhile' WHERE id > 12; ALTER TABLE items ADD COLUMN later int DEFAULT 7")
			w.compare(itemTruth)
			if got := p.standby.Value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '" + w.cfg.Slot + "'"); got != "1" {
				t.Error("the standby does not have the slot")
			}
			if got := p.Value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"); got != "0" {
				t.Error("the primary has a slot")
			}
		})
	}
}

// TestStandbySlotLost: a slot that the standby had to invalidate goes the way of a lost slot, with what to do.
func TestStandbySlotLost(t *testing.T) {
	p := newPair(t, itemTable)
	w := p.world(t, nil)
	w.start()
	w.compare(itemTruth)
	p.Exec("ALTER SYSTEM SET wal_level = replica")
	if err := p.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until(func() bool {
		return strings.Contains(w.source.Health().Faults.Error(), "the primary: wal_level is replica")
	})
	p.Exec("ALTER SYSTEM RESET wal_level")
	if err := p.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Exec("UPDATE items SET v = 'in the gap'")
	w.compare(itemTruth)
	if w.source.Health().Losses == 0 {
		t.Error("no loss was noticed")
	}
	reason := "wal_level_insufficient"
	if p.standby.Server.Version() == 16 {
		reason = "conflict"
	}
	w.stop()
	if !strings.Contains(w.log.buf.String(), "was invalidated: "+reason) {
		t.Errorf("the log does not say %s", reason)
	}
}

// TestStandbyPlainRole: a role that may not ask the primary for a note of its running transactions gets its slot all the same, while nobody
// else writes.
func TestStandbyPlainRole(t *testing.T) {
	p := newPair(t, itemTable)
	w := p.world(t, nil)
	p.Exec("CREATE ROLE plain LOGIN REPLICATION; GRANT SELECT ON items TO plain; CREATE PUBLICATION " + ident(w.cfg.Publication) +
		" FOR TABLE items WITH (" + publishOptions + ")")
	w.cfg.Manual = true
	w.cfg.URI, w.cfg.PrimaryURI = withUser(t, w.cfg.URI, "plain", ""), withUser(t, w.cfg.PrimaryURI, "plain", "")
	w.start()
	w.compare(itemTruth)
}

// TestStandbyExamined: the doctor finds nothing to say of a standby that is in order, and what is wrong of others; a teardown drops the slot
// at the standby and the publication at the primary.
func TestStandbyExamined(t *testing.T) {
	p := newPair(t, itemTable)
	w := p.world(t, nil)
	w.start()
	w.compare(itemTruth)
	if e := Examine(t.Context(), w.cfg, nil); len(e.Faults) > 0 || slices.ContainsFunc(e.Warnings, isFeedback) {
		t.Errorf("a standby in order: %v, %v", e.Faults, e.Warnings)
	}
	w.stop()
	p.standby.Exec("ALTER SYSTEM SET hot_standby_feedback = off")
	p.standby.Exec("SELECT pg_reload_conf()")
	if e := Examine(t.Context(), w.cfg, nil); len(e.Faults) > 0 || !slices.ContainsFunc(e.Warnings, isFeedback) {
		t.Errorf("without feedback: %v, %v", e.Faults, e.Warnings)
	}
	for name, c := range map[string]struct{ uri, primary, fault string }{
		"twice the primary":   {w.cfg.PrimaryURI, w.cfg.PrimaryURI, "the server of uri is no standby"},
		"twice the standby":   {w.cfg.URI, w.cfg.URI, "the server of primary_uri is a standby itself"},
		"another's primary":   {w.cfg.URI, pgtest.New(t).URI(), "uri leads to database " + p.Name},
		"another's databases": {w.cfg.URI, p.Server.URI("postgres"), "uri leads to database " + p.Name},
	} {
		cfg := w.cfg
		cfg.URI, cfg.PrimaryURI = c.uri, c.primary
		if got := Examine(t.Context(), cfg, nil).Faults.Error(); !strings.Contains(got, c.fault) {
			t.Errorf("%s: faults %q, want %q", name, got, c.fault)
		}
	}
	if err := Teardown(t.Context(), w.cfg); err != nil {
		t.Fatal(err)
	}
	if r, err := FindRemains(t.Context(), w.cfg); r.Slot || err != nil || p.Value("SELECT count(*) FROM pg_publication") != "0" {
		t.Errorf("after the teardown there are %+v, %v", r, err)
	}
}

func isFeedback(f *Fault) bool { return f.Code == CodeStandbyFeedback }

// TestStandbyTooOld: what is wrong with each of the two servers says which one it is.
func TestStandbyTooOld(t *testing.T) {
	primary := server{version: 150004, walLevel: "replica", replicate: true}
	standby := server{version: 150004, walLevel: "logical", standby: true}
	s := &Source{cfg: Config{PrimaryURI: "postgres://one/app"}, sv: primary, copied: standby}
	golden(t, "standby_faults.txt", show(s.serverFaults()))
}

// TestStandbySetupSQL: of two servers it is the primary that is prepared, also for the slot of the standby.
func TestStandbySetupSQL(t *testing.T) {
	c := Config{URI: "postgres://there/copy", PrimaryURI: "postgres://weir@here/app", Slot: "weir_1", Publication: "weir_1"}
	sql, err := SetupSQL(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`GRANT CONNECT ON DATABASE "app" TO "weir"`, `GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO "weir"`} {
		if !strings.Contains(sql, want) {
			t.Errorf("%s is missing from:\n%s", want, sql)
		}
	}
}

// demote has the stopped server of a data folder start as a standby.
func demote(t *testing.T, data string) {
	t.Helper()
	copyAll(t, filepath.Join(data, "PG_VERSION"), filepath.Join(data, "standby.signal")) // any file of the right owner will do
}
