package main

import (
	"strings"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

const oneTable = "bucket_definitions:\n  all:\n    data:\n      - SELECT id FROM good\n"

// TestTeardown drops slot and publication, but not without a confirmation, and not those of a weir that runs.
func TestTeardown(t *testing.T) {
	d := pgtest.New(t)
	d.Exec("CREATE TABLE good (id text PRIMARY KEY)")
	p := newProcess(t, d, oneTable)
	slot := "weir_" + d.Name
	left := func() string {
		return d.Value("SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1) || ' ' || (SELECT count(*) FROM pg_publication)", slot)
	}
	args := []string{"teardown", "--config", p.config()}
	p.start()
	p.awaitSlot(d, 0)
	if code, out, faults := runCommand(t, slot+"\n", args...); code != exitFault || !strings.Contains(faults, "in use") {
		t.Errorf("while weir runs: exit %d, %q, %q", code, out, faults)
	}
	p.stop()
	if log := p.log.String(); !strings.Contains(log, "the slot is kept") || !strings.Contains(log, "slot="+slot) {
		t.Errorf("weir does not say that the slot is kept:\n%s", log)
	}
	if code, out, faults := runCommand(t, "no\n", args...); code != exitFault || !strings.Contains(faults, "nothing was dropped") {
		t.Errorf("without a confirmation: exit %d, %q, %q", code, out, faults)
	}
	if got := left(); got != "1 1" {
		t.Fatalf("slots and publications: %s, want both kept", got)
	}
	t.Setenv("WEIR_SOURCE_PUBLICATION_MANAGEMENT", "manual")
	if code, out, faults := runCommand(t, slot+"\n", args...); code != exitOK || !strings.Contains(out, slot) {
		t.Errorf("exit %d, %q, %q", code, out, faults)
	}
	if got := left(); got != "0 1" {
		t.Errorf("slots and publications: %s, want a publication that is not weir's kept", got)
	}
	t.Setenv("WEIR_SOURCE_PUBLICATION_MANAGEMENT", "")
	if code, out, faults := runCommand(t, "", append(args, "--yes")...); code != exitOK {
		t.Errorf("exit %d, %q, %q", code, out, faults)
	}
	if got := left(); got != "0 0" {
		t.Errorf("slots and publications: %s, want none", got)
	}
	if code, out, _ := runCommand(t, "", args...); code != exitOK || !strings.Contains(out, "nothing of weir's is left") {
		t.Errorf("again: exit %d, %q", code, out)
	}
}

// TestSourceSQL: after what it prints was run, doctor finds nothing, for a role that did not exist.
func TestSourceSQL(t *testing.T) {
	d := pgtest.New(t)
	role := "role_of_" + d.Name
	d.Exec("CREATE TABLE good (id text PRIMARY KEY)")
	defer func() { d.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) }()
	for _, management := range []string{"auto", "manual"} {
		t.Setenv("WEIR_SOURCE_PUBLICATION_MANAGEMENT", management)
		config := writeConfig(t, as(t, d.URI(), role, "secret-word"), oneTable, someKeys)
		code, sql, faults := runCommand(t, "", "source", "sql", "--config", config)
		if code != exitOK || strings.Contains(sql, "secret-word") || strings.Contains(sql, "SECURITY DEFINER") != (management == "auto") {
			t.Errorf("%s: exit %d, %q:\n%s", management, code, faults, sql)
		}
		d.Exec(sql)
		examined(t, exitOK, config)
	}
	if code, _, faults := runCommand(t, "", "source", "sql", "--source", d.URI(), "--name", "other"); code != exitUsage || !strings.Contains(faults, "other") {
		t.Errorf("an unknown source: exit %d, %q", code, faults)
	}
}
