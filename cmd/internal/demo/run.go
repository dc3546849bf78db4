package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/clients/syncclient"
)

// Options of the demo.
type Options struct {
	For   time.Duration // how long changes are written, 0 for until ctx ends
	Every time.Duration // between two changes, a second if 0
	Out   io.Writer
	Color bool         // Out is a terminal
	Log   *slog.Logger // of weir

	Program string // how the user calls weir

	rules          string        // in place of rules.yaml
	arrivalTimeout time.Duration // arrivalTimeout if 0
}

func (o *Options) fill() {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.rules == "" {
		o.rules = rules
	}
	if o.arrivalTimeout == 0 {
		o.arrivalTimeout = arrivalTimeout
	}
}

// ErrFailed is returned when something was not as it should be. What that is
// has been shown.
var ErrFailed = errors.New("the demo has failed")

// catchUpTimeout bounds the waits for weir to be ready, and for clients to hold
// everything.
const catchUpTimeout = time.Minute

// demo is a running one.
type demo struct {
	opts     Options
	screen   *screen
	conn     *pgx.Conn
	weir     *weir
	watchers []*watcher
	author   *author
	tally    *tally
}

// Run runs the demo until its time is over or ctx ends, which is no error once
// changes are shown. It cleans up before it returns.
func Run(ctx context.Context, o Options) (err error) {
	o.fill()
	s := &screen{out: o.Out, color: o.Color}
	s.line(bold, "A restaurant guide, from Postgres to the apps of two users")
	server, err := startPostgres(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return runOn(ctx, o, s, server.URI(database), "weir_demo")
}

// runOn runs the demo on an empty database.
func runOn(ctx context.Context, o Options, s *screen, uri, slot string) (err error) {
	dir, err := os.MkdirTemp("", "weir-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{opts: o, screen: s, tally: newTally()}
	if d.conn, err = pgx.Connect(ctx, uri); err != nil {
		return fmt.Errorf("connect to the guide: %w", err)
	}
	defer func() { _ = d.conn.Close(context.WithoutCancel(ctx)) }()
	began := time.Now()
	loaded, err := load(ctx, d.conn)
	if err != nil {
		return err
	}
	s.done(began, "%s", loaded)
	if d.weir, err = startWeir(dir, uri, slot, o.rules, o.Log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.weir.stop()) }()
	return d.show(ctx, uri)
}

// show connects the clients, writes, and judges.
func (d *demo) show(ctx context.Context, uri string) error {
	began := time.Now()
	if err := d.ready(ctx); err != nil {
		return err
	}
	d.screen.done(began, "weir has read them and serves on %s", d.weir.url)
	began = time.Now()
	d.watchers = []*watcher{
		connect(d.weir, heroes[0].id, "HTTP", syncclient.HTTP),
		connect(d.weir, heroes[1].id, "WebSocket", syncclient.WebSocket),
	}
	for _, w := range d.watchers {
		defer w.stop()
	}
	if err := d.catchUp(ctx); err != nil {
		return err
	}
	var held []string
	for _, w := range d.watchers {
		held = append(held, fmt.Sprintf("%s has %d rows over %s", w.user, w.rowCount(), w.over))
	}
	d.screen.done(began, "%s", strings.Join(held, ", "))
	d.introduce(uri)
	d.author = newAuthor(d.conn)
	if err := d.drive(ctx); err != nil {
		return err
	}
	return d.judge(context.WithoutCancel(ctx))
}

// introduce says what comes, and what a user can do meanwhile.
func (d *demo) introduce(uri string) {
	if d.opts.For == 0 {
		d.screen.line(plain, "\nUntil Ctrl-C ends the demo, try it yourself in another terminal:")
		d.screen.line(cyan, "  psql '%s'", uri)
		if token, err := d.weir.token(heroes[0].id); err == nil {
			d.screen.line(cyan, "  %s sync --endpoint %s --token %s", d.opts.Program, d.weir.url, token)
		}
	}
	d.screen.line(plain, "\nChanges, with the time from COMMIT to the client's callback:\n")
	d.screen.header(d.watchers)
}

func (d *demo) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	return d.weir.ready(ctx)
}

// catchUp waits until all clients hold everything.
func (d *demo) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	for _, w := range d.watchers {
		if err := w.catchUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

//go:embed next.txt
var next string

// judge compares the clients with SQL and says how it went.
func (d *demo) judge(ctx context.Context) error {
	if err := d.catchUp(ctx); err != nil {
		return err
	}
	ok := d.judgeArrivals()
	for _, w := range d.watchers {
		differs, err := verify(ctx, d.conn, w)
		if err != nil {
			return err
		}
		if differs != "" {
			d.screen.line(red, "  %s's rows are not what SQL says: %s", w.user, differs)
			ok = false
			continue
		}
		median, largest := spread(d.tally.latencies[w])
		d.screen.line(plain, "  %s's %d rows are what SQL says; %d changes arrived over %s, p50 %s, max %s", w.user, w.rowCount(),
			len(d.tally.latencies[w]), w.over, millis(median), millis(largest))
	}
	if !ok {
		return ErrFailed
	}
	d.screen.line(green, "  All is well.")
	d.screen.line(plain, "\n%s", strings.TrimSpace(next))
	return nil
}

// judgeArrivals says whether every change arrived where it should, and nowhere
// else.
func (d *demo) judgeArrivals() bool {
	d.screen.line(plain, "")
	leaked, others := d.leaks()
	for _, leak := range leaked {
		d.screen.line(red, "  %s", leak)
	}
	lostLook, otherLook := plain, plain
	if d.tally.lost > 0 {
		lostLook = red
	}
	strict := d.opts.For > 0 && others > 0 // nobody else should write
	if strict {
		otherLook = red
	}
	d.screen.line(lostLook, "  %d changes committed, %d arrivals lost, %d where they should not be", d.tally.changes, d.tally.lost, len(leaked))
	if others > 0 {
		d.screen.line(otherLook, "  %d changes arrived that the demo did not make", others)
	}
	return d.tally.lost == 0 && len(leaked) == 0 && !strict
}
