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
		"name":        strings.NewReplacer("  s:", "  z:"),
		"priority":    strings.NewReplacer("priority: 1", "priority: 2"),
		"column":      strings.NewReplacer("t.name FROM", "t.name AS n FROM"),
		"filter":      strings.NewReplacer("'x'", "'y'"),
		"parameter":   strings.NewReplacer("auth.user_id()", "auth.parameter('u')"),
		"output name": strings.NewReplacer("FROM t JOIN", "FROM t AS u JOIN", "t.id,", "u.id,", "t.name", "u.name", "= t.id", "= u.id", "t.list", "u.list"),
		"table":       strings.NewReplacer("lists", "folders"),
		"option":      strings.NewReplacer("edition: 3", "edition: 3, timestamps_iso8601: false"),
		"type":        strings.NewReplacer("'x'", "1"),
	} {
		if text := r.Replace(fingerprintRules); text == fingerprintRules || fingerprintOf(t, text) == base {
			t.Errorf("%s: the same fingerprint for another meaning", name)
		}
	}
}
