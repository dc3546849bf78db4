package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/replicator/pgtest"
)

func TestTableName(t *testing.T) {
	for text, want := range map[string][2]string{
		"items": {"public", "items"}, "app.items": {"app", "items"}, `"Odd.Schema"."It""ems"`: {"Odd.Schema", `It"ems`}, `app."Items"`: {"app", "Items"},
		"": {}, "a.b.c": {}, "a.": {}, ".a": {}, `"a`: {}, `""`: {}, `"a"b`: {}, `a"b`: {},
	} {
		schema, table, err := tableName(text)
		if (err != nil) != (want[1] == "") || schema != want[0] || table != want[1] {
			t.Errorf("%s: got %q, %q, %v, want %q", text, schema, table, err, want)
		}
	}
}

// The commands of an operator against a weir of its own process.
func TestResnapshotAndStatus(t *testing.T) {
	db := pgtest.New(t)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY, n int); INSERT INTO items SELECT i, i FROM generate_series(1, 100) i")
	p := newProcess(t, db, "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n")
	run := func(args ...string) (int, string, string) {
		t.Helper()
		return runCommand(t, "", append(args, "--config", p.config())...)
	}
	if code, _, faults := run("status"); code != exitFault || !strings.Contains(faults, "start it with weir serve") {
		t.Errorf("status without a weir: exit %d, %q", code, faults)
	}
	p.start()
	p.awaitSlot(db, 0)
	var s admin.Overview
	for len(s.Versions) == 0 || s.Versions[0].State != "active" || s.Sources[0].State != "streaming" {
		code, out, faults := run("status", "--json")
		if code != exitOK {
			if strings.Contains(faults, "can't be reached") {
				continue
			}
			t.Fatalf("status: exit %d\n%s", code, faults)
		}
		s = admin.Overview{}
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Sources[0].Tables; len(got) != 1 || got[0].Rows != 100 || got[0].Phase != "done" || s.Memory.Used == 0 || s.Memory.SnapshotLimit == 0 ||
		s.Memory.Limit < s.Memory.SnapshotLimit {
		t.Errorf("status %+v", s)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"resnapshot", "items", "--wait"}, exitOK, "table items is complete"},
		{[]string{"resnapshot", "public.items", "--where", "n < 10", "--wait"}, exitOK, "is complete"},
		{[]string{"resnapshot", "items", "--where", "m < 10"}, exitFault, "condition:1:1: column \"m\" does not exist\n  m < 10\n  ^"},
		{[]string{"resnapshot", "items", "--where", "1 / (n - 5) > 0", "--wait"}, exitFault, "given up: the condition can't be evaluated: SQLSTATE 22012"},
		{[]string{"resnapshot", "nothing"}, exitFault, "the rules read no such table"},
		{[]string{"resnapshot", "items", "--source", "moon"}, exitFault, `There is no source "moon": configured are ["default"]`},
		{[]string{"resnapshot", "items", "--cancel"}, exitFault, "There is nothing to cancel"},
		{[]string{"resnapshot", "items", "--pause"}, exitOK, "pause of table items"},
		{[]string{"resnapshot", "items", "--resume"}, exitOK, "resume of table items"},
		{[]string{"resnapshot", "items", "--pause", "--wait"}, exitUsage, "never complete"},
		{[]string{"resnapshot", "items", "--pause", "--resume"}, exitUsage, "give one"},
		{[]string{"resnapshot", "items", "--cancel", "--where", "x"}, exitUsage, "--where goes with none"},
		{[]string{"status"}, exitOK, "table=public.items generation=4 phase=done"},
	} {
		code, out, faults := run(c.args...)
		if code != c.code || !strings.Contains(out+faults, c.want) {
			t.Errorf("%q: exit %d\n%s%s, want %d and %q", c.args, code, out, faults, c.code, c.want)
		}
	}
	p.stop()
}
