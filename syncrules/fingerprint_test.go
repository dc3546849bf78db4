package syncrules

import (
	"strings"
	"testing"
)

const fingerprintRules = `config: {edition: 3}
streams:
  s:
    priority: 1
    auto_subscribe: true
    with: {mine: "SELECT id FROM lists AS l WHERE l.owner = auth.user_id()"}
    query: SELECT t.id, t.name FROM t JOIN tags AS g ON g.t = t.id WHERE t.list IN mine AND g.name = 'x'
`

func fingerprintOf(t *testing.T, text string) Fingerprint {
	t.Helper()
	return mustCompile(t, text).Definitions()[0].Fingerprint
}

func TestFingerprintIsMeaning(t *testing.T) {
	base := fingerprintOf(t, fingerprintRules)
	for name, r := range map[string]*strings.Replacer{
		"white space":  strings.NewReplacer("AND g.name", "\n      AND  g.name"),
		"comment":      strings.NewReplacer("FROM t JOIN", "FROM t /* all */ JOIN", "streams:", "streams: # ours"),
		"key order":    strings.NewReplacer("    priority: 1\n", "", "= 'x'\n", "= 'x'\n    priority: 1\n"),
		"cte name":     strings.NewReplacer("mine", "own"),
		"inner alias":  strings.NewReplacer("AS l ", "AS k ", "l.owner", "k.owner", "AS g ", "AS h ", "g.", "h."),
		"keyword case": strings.NewReplacer("SELECT", "select", "WHERE", "where"),
	} {
		if text := r.Replace(fingerprintRules); text == fingerprintRules || fingerprintOf(t, text) != base {
			t.Errorf("%s: another fingerprint for the same meaning", name)
		}
	}
	for name, r := range map[string]*strings.Replacer{
		"name":         strings.NewReplacer("  s:", "  z:"),
		"priority":     strings.NewReplacer("priority: 1", "priority: 2"),
		"column":       strings.NewReplacer("t.name FROM", "t.name AS n FROM"),
		"filter":       strings.NewReplacer("'x'", "'y'"),
		"parameter":    strings.NewReplacer("auth.user_id()", "auth.parameter('u')"),
		"output name":  strings.NewReplacer("FROM t JOIN", "FROM t AS u JOIN", "t.id,", "u.id,", "t.name", "u.name", "= t.id", "= u.id", "t.list", "u.list"),
		"table":        strings.NewReplacer("lists", "folders"),
		"option":       strings.NewReplacer("edition: 3", "edition: 3, timestamps_iso8601: false"),
		"type":         strings.NewReplacer("'x'", "1"),
		"column order": strings.NewReplacer("t.id, t.name", "t.name, t.id"),
		"operator":     strings.NewReplacer("g.name = 'x'", "g.name IS NOT NULL"),
		"or":           strings.NewReplacer("mine AND", "mine OR"),
		"join column":  strings.NewReplacer("g.t = t.id", "g.t = t.name"),
		"cte result":   strings.NewReplacer("SELECT id FROM lists", "SELECT owner FROM lists"),
	} {
		if text := r.Replace(fingerprintRules); text == fingerprintRules || fingerprintOf(t, text) == base {
			t.Errorf("%s: the same fingerprint for another meaning", name)
		}
	}
}

// Every way to write a definition of the old kind comes to its meaning too.
func TestFingerprintOfABucketDefinition(t *testing.T) {
	const rules = `bucket_definitions:
  b:
    priority: 2
    parameters: SELECT id AS list FROM lists WHERE owner = request.user_id()
    data:
      - SELECT * FROM todos WHERE list = bucket.list
`
	base := fingerprintOf(t, rules)
	for name, r := range map[string]*strings.Replacer{
		"comment":   strings.NewReplacer("SELECT *", "SELECT /* all */ *", "data:", "data: # rows"),
		"key order": strings.NewReplacer("    priority: 2\n", "", "bucket.list\n", "bucket.list\n    priority: 2\n"),
		"yaml form": strings.NewReplacer("data:\n      - SELECT * FROM todos WHERE list = bucket.list", "data: ['SELECT * FROM todos WHERE list = bucket.list']"),
		"swapped =": strings.NewReplacer("list = bucket.list", "bucket.list = list"),
	} {
		if text := r.Replace(rules); text == rules || fingerprintOf(t, text) != base {
			t.Errorf("%s: another fingerprint for the same meaning", name)
		}
	}
	for name, r := range map[string]*strings.Replacer{
		"name":     strings.NewReplacer("  b:", "  c:"),
		"priority": strings.NewReplacer("priority: 2", "priority: 1"),
		"lookup":   strings.NewReplacer("WHERE owner", "WHERE author"),
		"result":   strings.NewReplacer("id AS list", "uid AS list"),
		"table":    strings.NewReplacer("FROM todos", "FROM tasks"),
		"filter":   strings.NewReplacer("= bucket.list", "= bucket.list AND NOT done"),
		"edition":  strings.NewReplacer("bucket_definitions:", "config: {edition: 2}\nbucket_definitions:"),
	} {
		if text := r.Replace(rules); text == rules || fingerprintOf(t, text) == base {
			t.Errorf("%s: the same fingerprint for another meaning", name)
		}
	}
}
