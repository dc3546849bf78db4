package doctor

import (
	"slices"
	"testing"

	"github.com/weirsync/weir/cmd/internal/config"
)

// Whatever can be reached from other machines without TLS, or without a token, is told.
func TestWhoCanReachIt(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  config.Config
		want []string // subjects of warnings
	}{
		{"this machine", config.Config{Listen: "127.0.0.1:8080", API: config.API{Listen: "[::1]:9090", Pprof: true}}, nil},
		{"by name", config.Config{Listen: "localhost:8080"}, nil},
		{"clients", config.Config{Listen: ":8080", API: config.API{Listen: "127.0.0.1:9090"}}, []string{subjectListen}},
		{"operators", config.Config{Listen: "127.0.0.1:8080", API: config.API{Listen: "0.0.0.0:9090"}}, []string{subjectAPI}},
		{"profiles", config.Config{Listen: "localhost:80", API: config.API{Listen: "10.0.0.1:90", Pprof: true}}, []string{subjectAPI, subjectAPI}},
	} {
		var found Findings
		found.listen(&c.cfg)
		var got []string
		for _, f := range found {
			if f.Level != OK {
				got = append(got, f.Subject)
			}
			if f.Level != OK && (f.Code != CodeExposed || f.Hint == "") {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: warnings of %q, want %q", c.name, got, c.want)
		}
	}
}
