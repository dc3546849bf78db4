package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirsync/weir/cmd/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// say logs a line that is said so long after noon.
func say(t *testing.T, log *slog.Logger, after time.Duration, level slog.Level, message string, fields ...any) {
	t.Helper()
	r := slog.NewRecord(noon.Add(after), level, message, 0)
	r.Add(fields...)
	if err := log.Handler().Handle(context.Background(), r); err != nil {
		t.Fatal(err)
	}
}

// The same said of the same is written five times a minute, with what is left out counted; other subjects, other texts and debug lines
// don't suffer.
func TestRepeats(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, config.Log{Level: slog.LevelDebug})
	app := log.With("source", "app")
	for i := range 100 {
		say(t, app, time.Duration(i)*time.Second/2, slog.LevelWarn, "source fault", "fault", "down", "attempt", i)
	}
	say(t, app, 50*time.Second, slog.LevelWarn, "source fault", "fault", "wrong password")
	say(t, log.With("source", "other"), 51*time.Second, slog.LevelWarn, "source fault", "fault", "down")
	say(t, app, 70*time.Second, slog.LevelWarn, "source fault", "fault", "down", "attempt", 100)
	for i := range 10 {
		say(t, app, 80*time.Second, slog.LevelDebug, "request failed", "attempt", i)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		_, line, _ = strings.Cut(line, "level=")
		got = append(got, strings.TrimSpace(line))
	}
	want := []string{
		`WARN msg="source fault" source=app fault=down attempt=0`,
		`WARN msg="source fault" source=app fault=down attempt=1`,
		`WARN msg="source fault" source=app fault=down attempt=2`,
		`WARN msg="source fault" source=app fault=down attempt=3`,
		`WARN msg="source fault" source=app fault=down attempt=4 muted=1m0s`,
		`WARN msg="source fault" source=app fault="wrong password"`,
		`WARN msg="source fault" source=other fault=down`,
		`WARN msg="source fault" source=app fault=down attempt=100 repeats=95`,
	}
	for i := range 10 {
		want = append(want, fmt.Sprintf(`DEBUG msg="request failed" source=app attempt=%d`, i))
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// Very many subjects cost bounded memory, and none is silenced for another.
func TestManySubjects(t *testing.T) {
	r := newRepeats()
	for i := range 3 * subjectsMax {
		if nth, left := r.count(fmt.Sprint("client ", i), noon.Add(time.Duration(i)*time.Millisecond)); nth != 1 || left != 0 {
			t.Fatalf("line %d is number %d of its span, %d left out", i, nth, left)
		}
	}
	if n := len(r.said); n > subjectsMax {
		t.Errorf("%d subjects are remembered", n)
	}
	if nth, _ := r.count("another client", noon.Add(time.Hour)); nth != 1 || len(r.said) != 1 {
		t.Errorf("line %d, %d subjects remembered an hour later", nth, len(r.said))
	}
}

func TestJSONWithGroupsAndLevels(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, config.Log{Level: slog.LevelWarn, Format: config.LogJSON})
	log.Info("listening")
	log.WithGroup("http").Error("no server", "path", "/")
	var line struct {
		Level, Msg string
		HTTP       struct{ Path string }
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Level != "ERROR" || line.Msg != "no server" || line.HTTP.Path != "/" {
		t.Errorf("%v: %s", err, out.String())
	}
}

// Many goroutines share the count.
func TestRepeatsOfManyGoroutines(t *testing.T) {
	var out bytes.Buffer
	log := New(&out, config.Log{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { log.Info("stopping") })
	}
	all.Wait()
	if n := strings.Count(out.String(), "msg=stopping"); n != repeatsMax {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}
