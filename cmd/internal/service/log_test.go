package service

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/logs"
	"github.com/weirsync/weir/replicator/pgtest"
)

// journal is a log to look into while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// lines returns the lines with a message that have all the fields, a field with a value as "state=streaming".
func (j *journal) lines(t *testing.T, message string, fields ...string) (found []map[string]any) {
	t.Helper()
	for text := range strings.Lines(j.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in line %s", err, text)
		}
		missing := slices.ContainsFunc(fields, func(field string) bool {
			name, want, valued := strings.Cut(field, "=")
			value, ok := line[name]
			return !ok || valued && value != want
		})
		if line["msg"] == message && !missing {
			found = append(found, line)
		}
	}
	return found
}

// await waits for such a line.
func (j *journal) await(t *testing.T, message string, fields ...string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(j.lines(t, message, fields...)) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no line %q with %v in\n%s", message, fields, j)
		}
	}
}

const loggedRules = `bucket_definitions:
  mine:
    parameters: SELECT request.user_id() AS u
    data:
      - SELECT id, json_extract(doc, '$.a') AS a FROM docs WHERE owner = bucket.u
`

// The log tells each change of a state with the fields that people look for, and nothing of rows, tokens, passwords and users, whatever
// goes wrong: all of those have the word canary in them.
func TestLogTellsStatesAndNoSecrets(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(`CREATE TABLE docs (id text PRIMARY KEY, owner text, doc text);
		INSERT INTO docs VALUES ('canary-1', 'canary-user', '{"a": "canary"}'), ('canary-2', 'canary-user', 'canary, which is no JSON {')`)
	uri := strings.Replace(db.URI(), "@", ":canary-password@", 1)
	if uri == db.URI() {
		t.Fatalf("no place for a password in %s", uri)
	}
	cfg := newConfig(t, uri, loggedRules)
	cfg.Log = config.Log{Level: slog.LevelDebug, Format: config.LogJSON, HashUserIDs: true}
	out := &journal{}
	front, back, stop := startObserved(t, cfg, logs.New(out, cfg.Log))
	out.await(t, "limits", "memory_bytes", "files")
	if got := out.lines(t, "limits")[0]["gomaxprocs"]; got != float64(runtime.GOMAXPROCS(0)) {
		t.Errorf("GOMAXPROCS is told as %v", got)
	}
	out.await(t, "slot created", "source=default", "slot=weir_service", "lsn")
	out.await(t, "snapshot begins", "source=default", "table=public.docs", "id", "generation")
	out.await(t, "snapshot complete", "source=default", "table=public.docs", "rows")
	out.await(t, "source state", "source=default", "slot=weir_service", "state=streaming", "lsn")
	out.await(t, "rules version changed", "version", "state=active")

	client(t, front, "canary-user", "device-1")
	out.await(t, "client connected", "client=device-1", "user=df62bfee11a6", "path", "agent")
	out.await(t, "client gone", "client=device-1", "why", "after", "lines", "bytes")
	for _, token := range []string{"canary.token.x", signed(t, "canary-user", "another-canary")} {
		if status, _ := post(t, front+"/sync/stream", token); status != http.StatusUnauthorized {
			t.Errorf("status %d for a bad token", status)
		}
	}
	out.await(t, "request failed", "path", "code=PSYNC_S2105")

	db.Exec("UPDATE docs SET id = 'canary-3', doc = repeat('canary', 10000) WHERE id = 'canary-1'")
	db.Exec("ALTER TABLE docs ADD COLUMN more int; INSERT INTO docs VALUES ('canary-4', 'canary-user', 'canary', 1)")
	out.await(t, "table has another shape: it is read again", "source=default", "table=public.docs")
	out.await(t, "checkpoints are held back until the tables that are read are complete")
	out.await(t, "checkpoints are published again")
	if status, _ := call(t, back, "POST /api/v1/rules/deploy", "bucket_definitions: {canary"); status < 400 {
		t.Errorf("status %d for rules with a fault", status)
	}
	l := &life{T: t, db: db}
	l.dropSlot()
	out.await(t, "history lost: all tables are read again", "source=default", "slot=weir_service", "why", "lsn")
	stop()
	out.await(t, "stopping")
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "canary") {
			t.Errorf("the log tells more than it should: %s", line)
		}
	}
}

// client syncs once.
func client(t *testing.T, endpoint, user, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	synced := false
	c := syncclient.New(syncclient.Options{
		Endpoint: endpoint, Token: syncclient.StaticToken(signed(t, user, "weir")), ClientID: id,
		Parameters: json.RawMessage(`{"x": "canary"}`), RetryDelay: 20 * time.Millisecond,
		OnApply: func(syncclient.Applied) {
			synced = true
			cancel()
		},
	})
	if err := c.Run(ctx); !synced {
		t.Fatalf("client: %v", err)
	}
}

// signed makes a token with the key of newConfig.
func signed(t *testing.T, user, audience string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": user, "aud": audience, "iat": time.Now().Unix(), "exp": time.Now().Unix() + 600,
	})
	token.Header["kid"] = "dev"
	text, err := token.SignedString([]byte("secretsecretsecretsecretsecret"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func post(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return do(t, req)
}
