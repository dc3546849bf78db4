package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/service"
	"github.com/weirsync/weir/replicator/pgtest"
)

const syncSchema = `
CREATE TABLE lists (id bigint PRIMARY KEY, owner text NOT NULL, shelf text NOT NULL, name text, tags text[]);
CREATE TABLE notes (id text PRIMARY KEY, list bigint NOT NULL, body text);
INSERT INTO lists VALUES (1, 'u1', 'top', 'Groceries', '{a,b}'), (2, 'u2', 'top', 'secret', NULL),
                         (3, 'u1', 'top', NULL, '{}'), (4, 'u1', 'low', 'Tools', NULL);
INSERT INTO notes VALUES ('n1', 1, 'milk'), ('n2', 3, 'tea');`

const syncRules = `
config: {edition: 3}
streams:
  mine:
    auto_subscribe: true
    query: SELECT * FROM lists WHERE owner = auth.user_id() AND shelf = connection.parameter('shelf')
  notes:
    query: SELECT * FROM notes WHERE list = subscription.parameter('list')
`

// syncServer is weir in this process.
type syncServer struct {
	t        *testing.T
	db       *pgtest.Database
	endpoint string
}

// Op ids are not to be relied on.
var (
	checkpointNumber  = regexp.MustCompile(`"checkpoint":\d+`)
	checkpointHeading = regexp.MustCompile(`^checkpoint \d+`)
)

var syncKey = auth.JWK{Kty: "oct", Alg: "HS256", Kid: "dev", K: secretKey}

// serveSync runs weir on a database until the test ends.
func serveSync(t *testing.T) *syncServer {
	t.Helper()
	db := pgtest.New(t)
	db.Exec(syncSchema)
	dir := t.TempDir()
	cfg := config.Default()
	cfg.Sources = []config.Source{{Name: "default", URI: config.URI(db.URI()), Slot: "weir_" + db.Name, Publication: "weir_1"}}
	cfg.Store.Path = filepath.Join(dir, "weir.db")
	cfg.Rules.Path = filepath.Join(dir, "rules.yaml")
	cfg.Listen = "127.0.0.1:0"
	cfg.Auth.Audience = []string{"weir"}
	cfg.Auth.JWKS.Keys = []config.JWK{{Kty: syncKey.Kty, Alg: syncKey.Alg, Kid: syncKey.Kid, K: config.Secret(syncKey.K)}}
	if err := os.WriteFile(cfg.Rules.Path, []byte(syncRules), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := service.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("weir ended with %v", err)
		}
	})
	return &syncServer{t, db, "http://" + s.Addr().String()}
}

// token signs one for u1, with the audience.
func (s *syncServer) token(audience string) string {
	s.t.Helper()
	now := time.Now().Unix()
	token, err := auth.Sign(syncKey, map[string]any{"sub": "u1", "aud": audience, "iat": now, "exp": now + 600})
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// args are of weir sync for u1.
func (s *syncServer) args(more ...string) []string {
	args := []string{"sync", "--endpoint", s.endpoint, "--token", s.token("weir"), "--param", "shelf=top"}
	return append(args, more...)
}

const syncTables = `lists (2 rows)
  id  owner  shelf  name       tags
  1   u1     top    Groceries  ["a","b"]
  3   u1     top    NULL       []

`

func TestSyncOnce(t *testing.T) {
	s := serveSync(t)
	const notes = `notes (1 row)
  id  list  body
  n1  1     milk

`
	subscribe := `notes={"list":1}`
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"http":      {s.args("--once"), syncTables},
		"ws":        {s.args("--once", "--transport", "ws"), syncTables},
		"stream":    {s.args("--once", "--stream", subscribe), syncTables + notes},
		"parameter": {s.args("--once", "--param", "shelf=none", "--transport", "ws"), "no rows\n\n"},
		"json": {
			s.args("--once", "--json", "--param", "shelf=low"),
			`{"op":"insert","table":"lists","id":"4","checkpoint":N,"new":{"id":4,"owner":"u1","shelf":"low","name":"Tools","tags":null}}` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, faults := runCommand(t, "", c.args...)
			if code != exitOK || !strings.Contains(faults, "1 checkpoints with right checksums") {
				t.Errorf("exit %d, %s", code, faults)
			}
			if diff := cmp.Diff(c.want, checkpointNumber.ReplaceAllString(out, `"checkpoint":N`)); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("token in the environment", func(t *testing.T) {
		t.Setenv(tokenVar, s.token("weir"))
		code, out, faults := runCommand(t, "", "sync", "--endpoint", s.endpoint+"/", "--once", "--param", "shelf=top")
		if code != exitOK || out != syncTables {
			t.Errorf("exit %d, %s%s", code, out, faults)
		}
	})
}

func TestSyncRefusedToken(t *testing.T) {
	s := serveSync(t)
	for _, transport := range []string{"http", "ws"} {
		code, out, faults := runCommand(t, "", s.args("--transport", transport, "--token", s.token("other"))...)
		want := "weir refuses the token: "
		if code != exitFault || out != "" || !strings.HasPrefix(faults, want) || !strings.Contains(faults, "PSYNC_S2105") {
			t.Errorf("%s: exit %d, %q, %q", transport, code, out, faults)
		}
		if strings.Contains(faults, s.token("other")[:20]) {
			t.Errorf("%s: the token is shown: %s", transport, faults)
		}
	}
}

// TestSyncFollows shows changes as they come, until a signal.
func TestSyncFollows(t *testing.T) {
	s := serveSync(t)
	for _, transport := range []string{"http", "ws"} {
		t.Run(transport, func(t *testing.T) {
			f := followSync(t, s.args("--json", "--transport", transport))
			f.expect(
				`{"op":"insert","table":"lists","id":"1","checkpoint":N,"new":{"id":1,"owner":"u1","shelf":"top","name":"Groceries","tags":"[\"a\",\"b\"]"}}`,
				`{"op":"insert","table":"lists","id":"3","checkpoint":N,"new":{"id":3,"owner":"u1","shelf":"top","name":null,"tags":"[]"}}`)
			s.db.Exec(`INSERT INTO lists VALUES (5, 'u2', 'top', 'not yet')`)
			s.db.Exec(`UPDATE lists SET owner = 'u1' WHERE id = 5`)
			f.expect(`{"op":"insert","table":"lists","id":"5","checkpoint":N,"new":{"id":5,"owner":"u1","shelf":"top","name":"not yet","tags":null}}`)
			s.db.Exec(`DELETE FROM lists WHERE id = 5`)
			f.expect(`{"op":"delete","table":"lists","id":"5","checkpoint":N,"old":{"id":5,"owner":"u1","shelf":"top","name":"not yet","tags":null}}`)
			f.stop()
		})
	}
	t.Run("table", func(t *testing.T) {
		f := followSync(t, s.args())
		f.expect(strings.Split(strings.TrimSuffix(syncTables, "\n"), "\n")...)
		s.db.Exec(`UPDATE lists SET name = 'Tools' WHERE id = 3`)
		f.expect("checkpoint N (1 change)", "  ~  lists  3  name: NULL -> Tools")
		f.stop()
	})
}

// syncRun is a running weir sync.
type syncRun struct {
	t     *testing.T
	lines chan string
	stop  func()
}

// followSync runs weir sync until stop, which is its signal.
func followSync(t *testing.T, args []string) *syncRun {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	f := &syncRun{t: t, lines: make(chan string, 100)}
	var notes syncBuffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, strings.NewReader(""), w, &notes)
		_ = w.Close()
	}()
	go func() {
		defer close(f.lines)
		for in := bufio.NewScanner(r); in.Scan(); {
			f.lines <- in.Text()
		}
	}()
	f.stop = func() {
		t.Helper()
		cancel()
		for line := range f.lines {
			t.Errorf("one line more than expected: %s", line)
		}
		if got := <-code; got != exitOK {
			t.Errorf("exit %d, %s", got, notes.String())
		}
	}
	t.Cleanup(cancel)
	return f
}

// expect compares the next lines.
func (f *syncRun) expect(want ...string) {
	f.t.Helper()
	for _, line := range want {
		select {
		case got := <-f.lines:
			got = checkpointNumber.ReplaceAllString(got, `"checkpoint":N`)
			got = checkpointHeading.ReplaceAllString(got, "checkpoint N")
			if got != line {
				f.t.Fatalf("got line\n%s\nwant\n%s", got, line)
			}
		case <-time.After(20 * time.Second):
			f.t.Fatalf("no line within 20 s, want %s", line)
		}
	}
}
