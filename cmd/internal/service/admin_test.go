package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/replicator/pgtest"
)

// volatile are the values in answers that differ from run to run.
var volatile = regexp.MustCompile(`("(?:last_lsn|postgres_uri|created|changed|activated|fingerprint|replication_lag_bytes)":)(?:"[^"]*"|\d+)`)

const mineRules = `bucket_definitions:
  mine:
    parameters: SELECT request.user_id() AS u
    data:
      - SELECT id, size FROM lists WHERE owner = bucket.u
`

// TestAdminAPI shows the answers to PowerSync's tools, and to ours, whole. The input is a route and a body; a body that is no object is
// YAML.
func TestAdminAPI(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(`CREATE TABLE lists (id uuid PRIMARY KEY, owner text, size float8); CREATE TABLE bare (id int);
		CREATE TABLE log_a (id int8, part bytea, PRIMARY KEY (id, part))`)
	cfg := newConfig(t, db.URI(), mineRules)
	cfg.API.Tokens = []config.Secret{"token-of-the-tests"}
	endpoint := run(t, cfg)
	until(t, endpoint, func(r readiness) bool { return r.Ready })
	datadriven.RunTest(t, "testdata/tools", func(t *testing.T, d *datadriven.TestData) string {
		route, body, _ := strings.Cut(d.Input, "\n")
		status, answer := call(t, endpoint, route, body)
		answer = strings.ReplaceAll(answer, cfg.Rules.Path, "rules.yaml")
		return fmt.Sprintf("%d\n%s\n", status, volatile.ReplaceAllString(answer, `$1"..."`))
	})
}

func call(t *testing.T, endpoint, route, body string) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token token-of-the-tests")
	req.Header.Set("Content-Type", "application/yaml")
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return resp.StatusCode, strings.ReplaceAll(string(text), "\n\n", "\n")
	}
	return resp.StatusCode, strings.NewReplacer(`},{`, "},\n{", `],"`, "],\n\"").Replace(out.String())
}
