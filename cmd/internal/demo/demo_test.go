package demo

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirsync/weir/replicator/pgtest"
	"github.com/weirsync/weir/syncrules"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// output is a screen that ends the demo when a text was shown.
type output struct {
	mu    sync.Mutex
	text  strings.Builder
	until *regexp.Regexp
	end   context.CancelFunc
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	if o.until.MatchString(o.text.String()) {
		o.end()
	}
	return len(b), nil
}

// runUntil runs the demo with its changes close together, until what it shows
// matches.
func runUntil(t *testing.T, db *pgtest.Database, until string, o Options) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &output{until: regexp.MustCompile(until), end: cancel}
	o.Every, o.Out, o.Log, o.Program = 5*time.Millisecond, out, slog.New(slog.DiscardHandler), "weir"
	o.fill()
	err := runOn(ctx, o, &screen{out: out}, db.URI(), "weir_"+db.Name)
	return out.text.String(), err
}

// changes is a pattern that n changes match.
func changes(n int) string { return `(?s)` + strings.Repeat(`\n  \d\d:\d\d:\d\d .*`, n) }

// Ctrl-C ends the demo as well as its time does: it still judges.
func TestInterruptedDemoJudges(t *testing.T) {
	db := pgtest.New(t)
	text, err := runUntil(t, db, changes(9), Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{
		`psql 'postgres://`, `weir sync --endpoint http://127\.0\.0\.1:\d+ --token `,
		`\d+ changes committed, 0 arrivals lost, 0 where they should not be`, `All is well`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("nothing like %q in\n%s", want, text)
		}
	}
	// The guide has changed, and not only by inserts.
	if got := db.Value(`SELECT count(*) > 0 FROM visits WHERE visited_on = current_date`); got != "t" {
		t.Errorf("no visit of today: %s", got)
	}
}

func TestInterruptedStartIsAnError(t *testing.T) {
	text, err := runUntil(t, pgtest.New(t), `rows loaded`, Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v\n%s", err, text)
	}
}

// The demo is only worth something if it notices what is wrong.
func TestWrongRulesFail(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"a change is lost": {
			"FROM restaurants", "FROM restaurants WHERE rating < 0",
			`is rated [\d.]+ +LOST +LOST\n(?s:.*)[1-9]\d* arrivals lost`,
		},
		"visits of others": {
			"FROM restaurants", "FROM restaurants\n      - SELECT * FROM visits",
			`noah's client got mia's row`,
		},
		"a column is missing": {
			"visited_on, spent,", "visited_on,",
			`mia's rows are not what SQL says: row .* is not what SQL says`,
		},
		"rows are missing": {
			"FROM favourites WHERE", "FROM favourites WHERE restaurant_id = 0 AND",
			`mia's rows are not what SQL says: row mia/\d+ of favourites is missing`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(rules, c.old) != 1 {
				t.Fatalf("%q is not once in the rules", c.old)
			}
			text, err := runUntil(t, pgtest.New(t), changes(4),
				Options{rules: strings.Replace(rules, c.old, c.new, 1), arrivalTimeout: 100 * time.Millisecond})
			if !errors.Is(err, ErrFailed) || !regexp.MustCompile(c.want).MatchString(text) {
				t.Errorf("got %v, and nothing like %q in\n%s", err, c.want, text)
			}
		})
	}
}

// A fetch takes minutes: it is shown. The server's own log is not.
func TestFetchIsShown(t *testing.T) {
	var out strings.Builder
	log := &fetchLog{screen: &screen{out: &out}}
	for _, line := range []string{"fetching PostgreSQL 18.4 (about 25 MB, once)\n", "LOG:  starting PostgreSQL\n"} {
		if n, err := log.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("Write returned %d, %v", n, err)
		}
	}
	if got, want := out.String(), "  fetching PostgreSQL 18.4 (about 25 MB, once) ...\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRemind(t *testing.T) {
	said := make(chan struct{})
	stop := remind(time.Microsecond, func() { said <- struct{}{} })
	<-said
	<-said
	go func() {
		for range said { // one may be on its way
		}
	}()
	stop()
	close(said)
}

func TestGuideIsAlwaysTheSame(t *testing.T) {
	if !reflect.DeepEqual(newGuide(), newGuide()) {
		t.Error("two guides differ")
	}
}

// The rules are a model for others: nothing may be odd about them.
func TestRulesAreFlawless(t *testing.T) {
	program, found := syncrules.Compile([]byte(rules), syncrules.CompileOptions{})
	if program == nil || len(found) > 0 {
		t.Errorf("diagnostics:\n%s", found.Render("rules.yaml", []byte(rules)))
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct{ list, want [3]time.Duration }{
		{[3]time.Duration{3, 1, 2}, [3]time.Duration{2, 3}},
		{[3]time.Duration{1, 9, 9}, [3]time.Duration{9, 9}},
	} {
		median, largest := spread(c.list[:])
		if median != c.want[0] || largest != c.want[1] {
			t.Errorf("spread(%v) = %v, %v", c.list, median, largest)
		}
	}
	if median, largest := spread(nil); median != 0 || largest != 0 {
		t.Errorf("spread(nil) = %v, %v", median, largest)
	}
}

func TestPad(t *testing.T) {
	for text, want := range map[string]string{"": "    ", "żółw": "żółw", "ab": "ab  ", "Kraków": "Kra…"} {
		if got := pad(text, 4); got != want {
			t.Errorf("pad(%q, 4) = %q, want %q", text, got, want)
		}
	}
}
