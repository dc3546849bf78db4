package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/replicator/pgtest"
)

func TestValidateRulesFromStdin(t *testing.T) {
	code, out, faults := runCommand(t, "bucket_definitions: [\n", "rules", "validate", "-")
	if code != exitFault || faults != "" || !strings.HasPrefix(out, "-:1:") {
		t.Errorf("exit %d, stdout %q, stderr %q, want exit 1 and a place in the text", code, out, faults)
	}
}

// TestValidateRulesWithSource: what a database lacks is shown where the rules name it.
func TestValidateRulesWithSource(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(`CREATE TABLE lists (id text PRIMARY KEY, owner text);
		CREATE TABLE todos (id text PRIMARY KEY, list_id text, done boolean); ALTER TABLE todos REPLICA IDENTITY NOTHING;
		CREATE TABLE log (key text)`)
	rules := `config: {edition: 3}
streams:
  lists: {query: "SELECT * FROM lists WHERE owner = auth.user_id() AND archived = 0"}
  todos:
    query: >
      SELECT * FROM todos WHERE list_id IN
        (SELECT id FROM lists WHERE owner = auth.user_id()) AND NOT done
  more: {query: 'SELECT id FROM missing'}
  logs: {query: 'SELECT key AS id FROM "lo%"'}
`
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, faults := runCommand(t, "", "rules", "validate", file, "--source", d.URI())
	if code != exitFault || faults != "" {
		t.Errorf("exit %d, stderr %q, want 1 and nothing", code, faults)
	}
	want := `rules.yaml:3:72: warning: there is no column "archived"
    3 |   lists: {query: "SELECT * FROM lists WHERE owner = auth.user_id() AND archived = 0"}
      |                                                                        ^^^^^^^^
rules.yaml:6:21: error: table "public"."todos" has replica identity nothing, so Postgres would refuse its updates and deletes once it is published
    6 |       SELECT * FROM todos WHERE list_id IN
      |                     ^^^^^
      = ALTER TABLE "public"."todos" REPLICA IDENTITY DEFAULT; if its rows are only ever inserted or truncated, add it to the publication yourself
rules.yaml:7:65: notice: this is also true where done is NULL
    7 |         (SELECT id FROM lists WHERE owner = auth.user_id()) AND NOT done
      |                                                                 ^^^^^^^^
      = add a condition with IS NOT NULL if those are not meant
rules.yaml:8:33: error: there is no table public.missing
    8 |   more: {query: 'SELECT id FROM missing'}
      |                                 ^^^^^^^
      = create it, or correct the name in the rules (unquoted names are lower case in Postgres)
rules.yaml:9:40: warning: table "public"."log" has no primary key (a deferrable one does not count), so Postgres would refuse its updates and deletes once it is published
    9 |   logs: {query: 'SELECT key AS id FROM "lo%"'}
      |                                        ^^^^^
      = ALTER TABLE "public"."log" ADD PRIMARY KEY (...), or ALTER TABLE "public"."log" REPLICA IDENTITY FULL; if its rows are only ever inserted or truncated, add it to the publication yourself
`
	if diff := cmp.Diff(want, strings.ReplaceAll(out, filepath.Dir(file)+"/", "")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestValidateRulesWithoutDatabase: the password of an address is not shown.
func TestValidateRulesWithoutDatabase(t *testing.T) {
	code, out, faults := runCommand(t, "bucket_definitions: {}\n", "rules", "validate", "-", "--source", "postgres://u:secret-word@127.0.0.1:1/app")
	if code != exitFault || out != "" || !strings.Contains(faults, "can't be reached") || strings.Contains(faults, "secret-word") {
		t.Errorf("exit %d, stdout %q, stderr %q, want 1 and why", code, out, faults)
	}
}

func TestValidateRulesAsJSON(t *testing.T) {
	code, out, _ := runCommand(t, "bucket_definitions:\n  g:\n    data: [SELECT * FROM Tä WHERE nope(1)]\n", "rules", "validate", "-", "--json")
	var got []jsonDiagnostic
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitFault {
		t.Fatalf("exit %d, %q: %v", code, out, err)
	}
	want := []jsonDiagnostic{
		{"-", 3, 35, 3, 42, "error", `there is no function "nope"`, "", "g"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if code, out, _ = runCommand(t, "bucket_definitions: {}\n", "rules", "validate", "-", "--json"); code != exitOK || out != "[]\n" {
		t.Errorf("good rules: exit %d, %q, want 0 and an empty array", code, out)
	}
}
