package metrics

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/replicator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const docs = "../../../docs"

type health struct{}

func (health) Probe() clients.Probe { return clients.Probe{Ready: true} }

// newProcess is a process that has not connected to anything.
func newProcess(t *testing.T) Process {
	t.Helper()
	store, err := buckets.Open(filepath.Join(t.TempDir(), "weir.db"), buckets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	verifier, err := auth.New(auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	src := replicator.New(replicator.Config{URI: "postgres://127.0.0.1:1/app", Slot: "weir_1", Publication: "weir_1"}, store)
	return Process{
		Version: "v0", Store: store, Sources: []Source{{"weir_1", src}}, Health: health{},
		Server: clients.New(clients.Config{Store: store, Auth: verifier, Health: health{}}),
	}
}

// Prometheus' own linter has nothing to say, and units are suffixes.
func TestConventions(t *testing.T) {
	problems, err := testutil.CollectAndLint(collector{newProcess(t)})
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %+v", err, problems)
	}
	for _, d := range All() {
		if !regexp.MustCompile(`^weir_[a-z_]+$`).MatchString(d.Name) || !strings.HasSuffix(d.Help, ".") || d.Help[0] < 'A' || d.Help[0] > 'Z' && d.Help[0] != '1' {
			if !strings.HasPrefix(d.Help, "1 ") {
				t.Errorf("%s: help %q", d.Name, d.Help)
			}
		}
		if total := strings.HasSuffix(d.Name, "_total"); total != (d.Kind == Counter) {
			t.Errorf("%s is a %s", d.Name, d.Kind)
		}
		if d.Kind == Histogram && !strings.HasSuffix(d.Name, "_seconds") {
			t.Errorf("%s: want a unit", d.Name)
		}
	}
}

// What a process shows at its start is shown for all that need no event, with types that fit.
func TestScrape(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(newProcess(t)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`weir_build_info{version="v0"} 1`, `weir_source_state{source="default",state="connecting"} 1`, "weir_ready 1",
		`weir_writer_queue_limit_bytes{queue="stream"} 6.7108864e+07`, `weir_sessions{transport="rsocket"} 0`,
		`weir_commit_durable_seconds_bucket{source="default",le="0.001"} 0`, "go_goroutines", "go_gc_gomemlimit_bytes",
		"go_sched_gomaxprocs_threads", "process_open_fds",
	} {
		if w.Code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("no %s in answer %d", want, w.Code)
		}
	}
	if strings.Contains(text, "weir_slot_") {
		t.Error("a slot that nobody has seen")
	}
}

func TestDocumented(t *testing.T) {
	var b strings.Builder
	for _, d := range All() {
		labels := "`" + strings.Join(d.Labels, "`, `") + "`"
		if len(d.Labels) == 0 {
			labels = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Name, d.Kind, labels, d.Help)
	}
	path := filepath.Join(docs, "metrics.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "| --- | --- | --- | --- |\n", "\n<!-- end of the table -->"
	head, rest, ok := strings.Cut(string(text), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(b.String(), table); diff != "" {
		t.Errorf("docs/metrics.md is not up to date; write it with: go test ./cmd/internal/metrics -update (-want +got):\n%s", diff)
	}
}

// Every metric that dashboard and alerts name is there.
func TestDashboardAndAlerts(t *testing.T) {
	known := map[string]bool{}
	w := httptest.NewRecorder()
	Handler(newProcess(t)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(w.Body.String(), -1) {
		known[m[1]] = true // of runtime and process
	}
	for _, d := range All() {
		known[d.Name] = true
		if d.Kind == Histogram {
			known[d.Name+"_bucket"], known[d.Name+"_sum"], known[d.Name+"_count"] = true, true, true
		}
	}
	named := regexp.MustCompile(`\b(weir|go|process)_[a-z_]+`)
	for _, file := range []string{"grafana-dashboard.json", "alerts.yaml"} {
		text, err := os.ReadFile(filepath.Join(docs, "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		var any any
		if err := yaml.Unmarshal(text, &any); err != nil { // JSON is YAML
			t.Errorf("%s: %v", file, err)
		}
		names := named.FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric", file)
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !known[name] {
				t.Errorf("%s names %s, which is no metric", file, name)
			}
		}
	}
}

// Whoever is alerted finds what to do.
func TestAlertsExplainThemselves(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docs, "deploy", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For string
				Annotations      struct{ Summary, Description string }
				Labels           struct{ Severity string }
			}
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			if _, err := time.ParseDuration(r.For); err != nil || r.Expr == "" || r.Annotations.Summary == "" ||
				r.Annotations.Description == "" || r.Labels.Severity == "" {
				t.Errorf("alert %s: %+v", r.Alert, r)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d alerts", n)
	}
}
