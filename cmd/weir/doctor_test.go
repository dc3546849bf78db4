package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weirsync/weir/cmd/internal/doctor"
	"github.com/weirsync/weir/replicator/pgtest"
)

const sickRules = `
bucket_definitions:
  all:
    data:
      - SELECT id FROM good
      - SELECT id FROM hidden
      - SELECT id FROM closed.inside
      - SELECT id FROM keyless
      - SELECT id FROM unlogged
      - SELECT id FROM secured
      - SELECT id FROM seen
      - SELECT id FROM missing
`

const sickTables = `
CREATE ROLE app LOGIN PASSWORD 'secret-word';
CREATE TABLE good (id text PRIMARY KEY);
CREATE TABLE hidden (id text PRIMARY KEY);
CREATE SCHEMA closed; CREATE TABLE closed.inside (id text PRIMARY KEY);
CREATE TABLE keyless (id text);
CREATE UNLOGGED TABLE unlogged (id text PRIMARY KEY);
CREATE TABLE secured (id text PRIMARY KEY); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE VIEW seen AS SELECT * FROM good;
GRANT SELECT ON ALL TABLES IN SCHEMA public, closed TO app;
REVOKE ALL ON hidden FROM app;
SET client_min_messages = error;
CREATE PUBLICATION weir_1 WITH (publish = 'insert, delete', publish_via_partition_root = true);
SELECT pg_create_physical_replication_slot('taken');
`

// writeConfig writes a configuration and its rules, and returns the configuration's name.
func writeConfig(t *testing.T, uri, rules, more string) string {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	text := fmt.Sprintf("sources: [{uri: %q}]\nstore: {path: %s}\nrules: {path: %s}\n%s", uri, path("weir.db"), path("rules.yaml"), more)
	for name, content := range map[string]string{"weir.yaml": text, "rules.yaml": rules} {
		if err := os.WriteFile(path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path("weir.yaml")
}

// examined runs weir doctor and returns what it found, by code.
func examined(t *testing.T, wantExit int, config string) map[doctor.Code]doctor.Finding {
	t.Helper()
	code, out, faults := runCommand(t, "", "doctor", "--json", "--config", config)
	var all doctor.Findings
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v: %q, stderr %q", err, out, faults)
	}
	if code != wantExit || strings.Contains(out, "secret-word") {
		t.Errorf("exit %d, want %d and no password:\n%s", code, wantExit, out)
	}
	found := map[doctor.Code]doctor.Finding{}
	for _, f := range all {
		if f.Code != "" {
			found[f.Code] = f
		}
	}
	return found
}

// as changes who a uri connects as.
func as(t *testing.T, uri, user, password string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

const someKeys = "auth: {audience: [weir], jwks: {keys: [{kty: oct, alg: HS256, k: c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0}]}}\n" +
	"api: {tokens: [token-of-the-tests]}\n"

// TestDoctorNamesEachFault: a source with many faults has each of them named, with the SQL that mends it; and when that SQL has been
// run there is none left.
func TestDoctorNamesEachFault(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"wal_level": "replica", "max_replication_slots": "1"}})
	d := pgtest.NewOn(t, server)
	d.Exec(sickTables)
	config := writeConfig(t, as(t, d.URI(), "app", "secret-word"), sickRules, someKeys)
	found := examined(t, exitFault, config)
	for code, sql := range map[doctor.Code]string{
		"wal-level":              "ALTER SYSTEM SET wal_level = logical",
		"replication-privilege":  `ALTER ROLE "app" REPLICATION`,
		"slots":                  "ALTER SYSTEM SET max_replication_slots",
		"publication-operations": `ALTER PUBLICATION "weir_1" SET (publish = 'insert, update, delete, truncate')`,
		"publication-root":       `ALTER PUBLICATION "weir_1" SET (publish_via_partition_root = false)`,
		"not-published":          `ALTER PUBLICATION "weir_1" ADD TABLE ONLY "public"."good"`,
		"table-privilege":        `GRANT SELECT ON "public"."hidden" TO "app"`,
		"schema-privilege":       `GRANT USAGE ON SCHEMA "closed" TO "app"`,
		"replica-identity":       `ALTER TABLE "public"."keyless" ADD PRIMARY KEY`,
		"persistence":            `ALTER TABLE "public"."unlogged" SET LOGGED`,
		"row-security":           `ALTER ROLE "app" BYPASSRLS`,
		"table-kind":             "name the tables behind it",
		"table-missing":          "create it, or correct the name",
		"publication-empty":      "ALTER PUBLICATION",
		"wal-unlimited":          "ALTER SYSTEM SET max_slot_wal_keep_size",
	} {
		f, ok := found[code]
		if !ok || !strings.Contains(f.Hint, sql) {
			t.Errorf("%s: got %+v, want a hint with %q", code, f, sql)
		}
		delete(found, code)
	}
	delete(found, doctor.CodeDisk) // of the machine
	if len(found) > 0 {
		t.Errorf("found besides: %+v", found)
	}

	d.Exec("SELECT pg_drop_replication_slot('taken')")
	d.Exec("ALTER SYSTEM SET wal_level = logical")
	d.Exec("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'")
	d.Exec(`ALTER ROLE app REPLICATION BYPASSRLS;
		ALTER PUBLICATION weir_1 SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = false);
		GRANT SELECT ON hidden TO app; GRANT USAGE ON SCHEMA closed TO app;
		ALTER TABLE keyless ADD PRIMARY KEY (id); ALTER TABLE unlogged SET LOGGED;
		DROP VIEW seen; CREATE TABLE seen (id text PRIMARY KEY); CREATE TABLE missing (id text PRIMARY KEY);
		GRANT SELECT ON seen, missing TO app;
		ALTER PUBLICATION weir_1 ADD TABLE good, hidden, closed.inside, keyless, unlogged, secured, seen, missing`)
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	found = examined(t, exitOK, config)
	delete(found, doctor.CodeDisk)
	if len(found) > 0 {
		t.Errorf("found after all was mended: %+v", found)
	}
}

// TestDoctorBeforeThereIsAnything: what else can be wrong, each with its code and what to do.
func TestDoctorOnOtherFaults(t *testing.T) {
	d := pgtest.New(t)
	d.Exec("CREATE TABLE good (id text PRIMARY KEY)")
	const rules = "bucket_definitions:\n  all:\n    data:\n      - SELECT id FROM good\n"
	missing := filepath.Join(t.TempDir(), "not there", "weir.db")
	for _, c := range []struct {
		name   string
		config string
		want   []doctor.Code
	}{
		{"unreachable", writeConfig(t, "postgres://u:secret-word@127.0.0.1:1/app", rules, someKeys), []doctor.Code{"unreachable"}},
		{"no database", writeConfig(t, strings.Replace(d.URI(), d.Name, "nowhere", 1), rules, someKeys), []doctor.Code{"database"}},
		{"wrong user", writeConfig(t, as(t, d.URI(), "nobody", ""), rules, someKeys), []doctor.Code{"login"}},
		{"no TLS", writeConfig(t, strings.Replace(d.URI(), "disable", "require", 1), rules, someKeys), []doctor.Code{"tls"}},
		{"rules", writeConfig(t, d.URI(), "bucket_definitions:\n  all:\n    data:\n      - SELECT FROM good\n", someKeys), []doctor.Code{"rules"}},
		{"keys", writeConfig(t, d.URI(), rules, "auth: {audience: [weir], jwks_uri: http://127.0.0.1:1/keys}\n"), []doctor.Code{"key-fetch", "api-token"}},
		{"no keys", writeConfig(t, d.URI(), rules, "listen: 0.0.0.0:8080\n"), []doctor.Code{"keys", "api-token", "exposed"}},
		{"certificate", writeConfig(t, d.URI(), rules, someKeys+"tls: {cert: /none.crt, key: /none.key}\n"), []doctor.Code{"certificate"}},
		{"config", writeConfig(t, d.URI(), rules, "liste: x\n"), []doctor.Code{"config"}},
		{"store", writeConfig(t, d.URI(), rules, someKeys), []doctor.Code{"store"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit := exitFault
			if c.name == "store" {
				t.Setenv("WEIR_STORE_PATH", missing)
			}
			if c.name == "no keys" {
				exit = exitOK // nobody can connect; that may be meant
			}
			found := examined(t, exit, c.config)
			for _, code := range c.want {
				if f := found[code]; f.Hint == "" {
					t.Errorf("%s: got %+v, want it with a hint", code, found)
				}
			}
			for code := range found {
				if !slices.Contains(append(c.want, "wal-unlimited", doctor.CodeDisk), code) {
					t.Errorf("found besides: %+v", found[code])
				}
			}
		})
	}
}

// TestHandbookHasEachFinding: an operator who looks for a code finds its meaning and its cure.
func TestHandbookHasEachFinding(t *testing.T) {
	text, err := os.ReadFile("../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, section := range strings.Split(string(text), "\n### ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		if strings.Contains(body, "| code | meaning | cure |") {
			continue // TestHandbookHasEachAnswer
		}
		if !strings.HasPrefix(name, "`") { // of what has no code
			if !strings.Contains(body, "**Cure:**") {
				t.Errorf("the handbook has no cure for %q", name)
			}
			continue
		}
		for code := range strings.SplitSeq(name, ", ") {
			sections[strings.Trim(code, "`")] = body
		}
	}
	for _, code := range doctor.Codes() {
		if !strings.Contains(sections[string(code)], "**Cure:**") {
			t.Errorf("the handbook has no section with a cure for %s", code)
		}
		delete(sections, string(code))
	}
	for code := range sections {
		t.Errorf("the handbook has %s, which is no code", code)
	}
}

// TestHandbookHasEachAnswer: so does who was answered with one.
func TestHandbookHasEachAnswer(t *testing.T) {
	text, err := os.ReadFile("../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z0-9_]+)` \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(string(text), -1) {
		told[row[1]] = true
	}
	literal := regexp.MustCompile(`(?:[cC]ode\w*\s*[:=]) *"((?:PSYNC|WEIR)_[A-Z0-9_]+)"`)
	given := map[string]bool{}
	for _, dir := range []string{"../../clients", "../internal"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range literal.FindAllStringSubmatch(string(source), -1) {
				given[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(given) < 25 {
		t.Errorf("only these answers are found: %v", given)
	}
	for code := range given {
		if !told[code] {
			t.Errorf("the handbook does not have %s", code)
		}
	}
	for code := range told {
		if !given[code] {
			t.Errorf("the handbook has %s, which nobody answers with", code)
		}
	}
}
