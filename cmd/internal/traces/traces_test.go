package traces

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/weirsync/weir/buckets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collect closes the tracer and returns what the collector got: a line a span, below its parent's name, with its times in ms after start.
func collect(t *testing.T, oneIn int, start time.Time, use func(*Tracer)) []string {
	t.Helper()
	got := make(chan *collector.ExportTraceServiceRequest, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		req := new(collector.ExportTraceServiceRequest)
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, req) != nil {
			t.Errorf("%s: %v", r.URL, err)
		}
		got <- req
	}))
	defer server.Close()
	tracer, err := New(t.Context(), Config{Endpoint: server.URL, OneIn: oneIn, Version: "v0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	use(tracer)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(got)
	var lines []string
	for req := range got {
		lines = append(lines, spans(req, start)...)
	}
	slices.Sort(lines)
	return lines
}

func spans(req *collector.ExportTraceServiceRequest, start time.Time) (lines []string) {
	names := map[string]string{}
	each := func(fn func(id, parent, name, line string)) {
		for _, s := range req.ResourceSpans[0].ScopeSpans[0].Spans {
			ms := func(nano uint64) int64 { return time.Unix(0, int64(nano)).Sub(start).Milliseconds() }
			var attributes strings.Builder
			for _, a := range s.Attributes {
				fmt.Fprintf(&attributes, " %s=%s%.0d", a.Key, a.Value.GetStringValue(), a.Value.GetIntValue())
			}
			fn(string(s.SpanId), string(s.ParentSpanId), s.Name, fmt.Sprintf("%s %d-%d%s", s.Name, ms(s.StartTimeUnixNano), ms(s.EndTimeUnixNano), &attributes))
		}
	}
	each(func(id, _, name, _ string) { names[id] = name })
	each(func(_, parent, _, line string) { lines = append(lines, names[parent]+"/"+line) })
	return lines
}

// A commit's way is one trace whose spans follow one another, to the clients that were sent its checkpoint or a later one.
func TestWayOfACommit(t *testing.T) {
	start := time.Now().Add(-time.Hour)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	c := buckets.CommitTimes{
		Source: "app", End: 0x1_0000_00FF, Checkpoint: 7,
		Committed: at(0), Received: at(5), Applied: at(8), Durable: at(20), Published: at(50),
	}
	got := collect(t, 1, start, func(tr *Tracer) {
		tr.Sent(7, at(1)) // before anything was traced
		tr.Commit(c)
		tr.Sent(6, at(52)) // without it
		tr.Sent(7, at(55))
		tr.Sent(9, at(60))
		tr.Sent(9, at(50).Add(2*sentSpan)) // much later
	})
	want := []string{
		"/commit 0-50 weir.source=app weir.lsn=1/FF weir.checkpoint=7",
		"commit/apply 5-8", "commit/publish 20-50", "commit/receive 0-5", "commit/sent 50-55", "commit/sent 50-60", "commit/store 8-20",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// One in so many commits is traced, each to few clients; a clock of the source that is ahead makes no span that ends before it begins.
func TestTracesAreBounded(t *testing.T) {
	start := time.Now().Add(-time.Hour)
	got := collect(t, 10, start, func(tr *Tracer) {
		for range 25 {
			tr.Commit(buckets.CommitTimes{
				Checkpoint: 1, Committed: start.Add(time.Minute), Received: start, Applied: start, Durable: start, Published: start,
			})
		}
		for range 1000 {
			tr.Sent(2, start)
		}
	})
	count := map[string]int{}
	for _, line := range got {
		name, times, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
		count[name]++
		if !strings.HasPrefix(times, "0-0") {
			t.Errorf("times of %s", line)
		}
	}
	want := map[string]int{"commit": 3, "commit/apply": 3, "commit/publish": 3, "commit/receive": 3, "commit/sent": sentMax, "commit/store": 3}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
