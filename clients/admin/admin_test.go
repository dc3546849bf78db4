package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/weirsync/weir/buckets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testToken = "s3cret-token-of-the-tests"

// newServer serves an empty store.
func newServer(t *testing.T, tokens ...string) *Server {
	t.Helper()
	store, err := buckets.Open(filepath.Join(t.TempDir(), "weir.db"), buckets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Tokens: tokens, Store: store})
	t.Cleanup(func() {
		s.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// call makes a request and returns status and body.
func call(s *Server, method, path, authorization, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	text, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(text)
}

// errorOf is status, code and text of an error.
func errorOf(t *testing.T, status int, body string) string {
	t.Helper()
	var e struct {
		Error struct{ Code, Description, Details string }
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s %s", status, e.Error.Code, e.Error.Description, e.Error.Details))
}

func TestAuthorization(t *testing.T) {
	open, closed := newServer(t, "first-token", testToken), newServer(t)
	for _, c := range []struct {
		server        *Server
		authorization string
		want          string
	}{
		{open, "Token " + testToken, ""},
		{open, "Bearer first-token", ""},
		{open, "Bearer " + testToken + "x", "401 PSYNC_S2101 Authorization failed"},
		{open, "Bearer s3cret", "401 PSYNC_S2101 Authorization failed"},
		{open, "", "401 PSYNC_S2106 Authentication required"},
		{open, testToken, "401 PSYNC_S2106 No valid token provided"},
		{open, "token " + testToken, "401 PSYNC_S2106 No valid token provided"},
		{closed, "Token " + testToken, "401 PSYNC_S2101 Authorization failed The admin API is closed: no api.tokens are configured"},
	} {
		status, body := call(c.server, "GET", "/api/v1/rules/versions", c.authorization, "")
		if c.want == "" && status == http.StatusOK {
			continue
		}
		if got := errorOf(t, status, body); got != c.want {
			t.Errorf("%q: got %s, want %q", c.authorization, got, c.want)
		}
	}
}

// Every route but the document is closed to those without a token, whatever it does.
func TestEveryRouteIsClosed(t *testing.T) {
	s := newServer(t)
	for _, r := range s.routes() {
		if r.public {
			continue
		}
		method, path, _ := strings.Cut(r.pattern, " ")
		body := `{"content":"x","sync_rules":"x","table":"x","path":"x"}`
		if status, _ := call(s, method, strings.ReplaceAll(path, "{version}", "1"), "Bearer x", body); status != http.StatusUnauthorized {
			t.Errorf("%s without a token: got %d, want 401", r.pattern, status)
		}
	}
}

func TestUnknownRoutes(t *testing.T) {
	s := newServer(t, testToken)
	for _, path := range []string{"/api/", "/api/v1/nothing", "/api/v1/rules/versions/"} {
		status, body := call(s, "GET", path, "Token "+testToken, "")
		if got, want := errorOf(t, status, body), "404 PSYNC_S2002 The path does not exist on this server"; got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// What a stranger sends is not even read if it is long.
func TestLongBodiesNeedAToken(t *testing.T) {
	s := newServer(t, testToken)
	long := `{"sync_rules":` + strings.Repeat("x", strangerBytes)
	for token, want := range map[string]int{"Token x": http.StatusUnauthorized, "Token " + testToken: http.StatusBadRequest} {
		if status, _ := call(s, "POST", "/api/admin/v1/validate", token, long); status != want {
			t.Errorf("got %d, want %d", status, want)
		}
	}
}

// The document describes the routes that there are, and no others.
func TestOpenAPI(t *testing.T) {
	s := newServer(t, testToken)
	status, body := call(s, "GET", "/api/v1/openapi.yaml", "", "")
	if status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	var described, served []string
	for path, item := range doc.Paths {
		for method := range maps.Keys(item) {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	for _, r := range s.routes() {
		served = append(served, r.pattern)
	}
	slices.Sort(described)
	slices.Sort(served)
	if d := cmp.Diff(served, described); d != "" {
		t.Errorf("routes (-served +described):\n%s", d)
	}
}
