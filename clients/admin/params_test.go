package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weirsync/weir/clients/reply"
)

func TestParams(t *testing.T) {
	for _, c := range []struct{ contentType, query, body, want string }{
		{"application/json", "", `{"content":"a","dry_run":true}`, "a true 0"},
		{"application/json", "?content=b&dry_run=true&version=7", "", "b true 7"},
		{"application/json", "?content=b&version=7", `{"content":"a","version":8}`, "a false 8"},
		{"application/yaml; charset=utf-8", "?version=7", "a: b", "a: b false 7"},
		{"application/json", "", `{"content":null}`, `["/content: is required"]`},
		{
			"application/json", "", `{"content":1,"dry_run":"x","version":-1}`,
			`["/content: must be a string","/dry_run: must be true or false","/version: must be a positive number"]`,
		},
		{"application/json", "", `[]`, `["/: must be a JSON object"]`},
		{"application/json", "", `null`, `["/: must be a JSON object"]`},
		{"application/json", "", `{`, `["/: must be a JSON object"]`},
	} {
		r := httptest.NewRequest(http.MethodPost, "/"+c.query, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		if got := showParams(r); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.query, c.body, got, c.want)
		}
	}
	long := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat(" ", bodyMax+1)))
	if got := showParams(long); got != "The body is larger than 1 MiB" {
		t.Errorf("long body: got %s", got)
	}
}

func FuzzParams(f *testing.F) {
	f.Add("application/json", "content=a", `{"content":"a"}`)
	f.Fuzz(func(_ *testing.T, contentType, query, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", contentType)
		showParams(r)
	})
}

// showParams reads a request as openDeploy and openEvents do.
func showParams(r *http.Request) string {
	p, err := readParams(r)
	if err == nil {
		content, dry, version := p.needText("content"), p.boolean("dry_run"), p.number("version")
		if err = p.err(); err == nil {
			return fmt.Sprint(content, " ", dry, " ", version)
		}
	}
	e := new(reply.Error)
	if !errors.As(err, &e) {
		return "not for clients: " + err.Error()
	}
	return cmp.Or(e.Details, e.Text)
}
