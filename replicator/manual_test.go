package replicator

import (
	"slices"
	"strings"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
	"github.com/weirsync/weir/syncrules"
)

// codes lists what kinds of faults there are.
func codes(faults Faults) (out []Code) {
	for _, f := range faults {
		out = append(out, f.Code)
	}
	return out
}

// faulty waits until the source reports a fault of the kind.
func (w *world) faulty(code Code) *Fault {
	w.t.Helper()
	var found *Fault
	w.until(func() bool {
		faults := w.source.Health().Faults
		i := slices.Index(codes(faults), code)
		if i >= 0 {
			found = faults[i]
		}
		return i >= 0
	})
	return found
}

const itemsAndLogs = `
bucket_definitions:
  all:
    data:
      - SELECT id, v FROM items
      - SELECT id, v FROM "log_%"
`

// TestManualPublication: weir changes nothing, says what the DBA has to do, and goes on by itself once it is done.
func TestManualPublication(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, func(cfg *Config) { cfg.Manual = true })
	w.start()
	f := w.faulty(CodePublicationMissing)
	if !strings.Contains(f.Message, "manual") || !strings.Contains(f.Hint, "CREATE PUBLICATION") {
		t.Errorf("publication that is missing: got %v", f)
	}
	d.Exec(w.publication("CREATE PUBLICATION %p"))
	f = w.faulty(CodeNotPublished)
	if !slices.Contains(codes(w.source.Health().Faults), CodePublicationEmpty) {
		t.Errorf("a publication without a needed table is no fault: %v", w.source.Health().Faults)
	}
	d.Exec(f.Hint)
	w.stop() // the catalog is polled once an hour in tests
	w.start()
	w.compare(itemTruth)
	if faults := w.source.Health().Faults; len(faults) > 0 {
		t.Errorf("faults at the end: %v", faults)
	}
}

// TestNothingToReplicate: wildcards of which none matches anything are a fault, and no version becomes active by them.
func TestNothingToReplicate(t *testing.T) {
	d := pgtest.New(t)
	w := newWorld(t, d, "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM \"log_%\"\n", nil)
	w.start()
	if f := w.faulty(CodePublicationEmpty); !strings.Contains(f.Hint, "ALTER PUBLICATION") {
		t.Errorf("hint: %q", f.Hint)
	}
	if v := w.store.Versions(); v[0].State != buckets.Deploying {
		t.Errorf("version is %v", v[0].State)
	}
	d.Exec("CREATE TABLE log_a (id text PRIMARY KEY); INSERT INTO log_a VALUES ('1')")
	w.stop()
	w.start()
	w.until(w.complete)
	w.until(func() bool { return len(w.source.Health().Faults) == 0 })
}

// TestLeastPrivilege: what SetupSQL prepares is enough for a role that owns nothing, also for tables that rules name later. Running it
// twice does no harm.
func TestLeastPrivilege(t *testing.T) {
	d := pgtest.New(t)
	role := "Least " + d.Name
	d.Exec(itemTable + `
		CREATE TABLE log_1 (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
		CREATE TABLE log_1_a PARTITION OF log_1 FOR VALUES FROM (0) TO (10);
		INSERT INTO log_1 VALUES (1, 'a');
		CREATE SCHEMA later; CREATE TABLE later.more (id int PRIMARY KEY, v text); CREATE TABLE later.secret (id int PRIMARY KEY)`)
	defer func() { d.Exec(`DROP OWNED BY "` + role + `"; DROP ROLE "` + role + `"`) }()
	w := newWorld(t, d, itemsAndLogs, func(cfg *Config) { cfg.URI = withUser(t, d.URI(), role, "") })
	setup := func(rules string) {
		t.Helper()
		program, faults := syncrules.Compile([]byte(rules), syncrules.CompileOptions{})
		if program == nil {
			t.Fatal(faults)
		}
		var named []syncrules.TablePattern
		for _, def := range program.Definitions() {
			named = append(named, def.Tables()...)
		}
		sql, err := SetupSQL(w.cfg, named)
		if err != nil {
			t.Fatal(err)
		}
		d.Exec(sql)
		d.Exec(sql)
	}
	setup(itemsAndLogs)
	owned := `SELECT count(*) FROM pg_shdepend WHERE refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1) AND deptype = 'o'
		AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`
	w.start()
	w.compare("SELECT 'log_1', id, json_build_object('id', id, 'v', v) FROM log_1", strings.Replace(itemTruth, ", 'big', big", "", 1))

	// The role can't add a table itself; the function does.
	d.Exec("GRANT USAGE ON SCHEMA later TO " + ident(role) + "; GRANT SELECT ON later.more TO " + ident(role))
	w.deploy(itemsAndLogs + "      - SELECT id, v FROM later.more\n")
	w.until(func() bool {
		return d.Value("SELECT count(*) FROM pg_publication_tables WHERE pubname = $1 AND tablename = 'more'", w.cfg.Publication) == "1"
	})
	w.until(w.complete)
	if n := d.Value(owned, role); n != "0" {
		t.Errorf("the role owns %s objects, want none", n)
	}
	conn := d.Connect(t)
	execOn(t, conn, "SET SESSION AUTHORIZATION "+ident(role))
	_, err := conn.Exec(t.Context(), "SELECT "+ident(publishSchema, w.cfg.Publication)+"('later.secret')", simple...)
	if code(err) != "42501" {
		t.Errorf("adding a table that the role may not read: got %v, want it refused", err)
	}
}
