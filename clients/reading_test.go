package clients_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/wire"
)

// wideSender is a sender with room for large pages.
type wideSender struct {
	lines, bytes int
	sending      func(line *wire.Line) error
}

func (w *wideSender) Ready(ctx context.Context) error { return ctx.Err() }

func (w *wideSender) Room() (lines, bytes int) { return w.lines, w.bytes }

func (w *wideSender) Flush() error { return nil }

func (w *wideSender) Hold(ctx context.Context, raw []byte) error { return w.Send(ctx, raw) }

func (w *wideSender) Send(_ context.Context, raw []byte) error {
	line, err := wire.DecodeJSON(raw)
	if err != nil {
		return err
	}
	return w.sending(line)
}

// download runs a session until the sender has had enough. What is left of two large pages is up to budget.
func download(t *testing.T, store *clientstest.Store, out *wideSender, budget *semaphore.Weighted) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sending := out.sending
	out.sending = func(line *wire.Line) error {
		err := sending(line)
		if line.Complete != nil {
			cancel()
		}
		return err
	}
	claims := &auth.Claims{Subject: "u1", Payload: json.RawMessage(`{"sub":"u1"}`), Expires: time.Now().Add(time.Hour)}
	err := clients.RunPaced(ctx, clients.Config{Store: store.Store, Sources: store}, claims, budget, wire.JSON, out)
	if !budget.TryAcquire(twoPages) {
		t.Error("a page is held after the session")
	}
	return err
}

const (
	twoPages   = 2 * clients.PageMax
	threePages = 3 * clients.PageMax
)

// holds tells whether more than so many bytes are taken of budget.
func holds(budget *semaphore.Weighted, n int64) bool {
	if !budget.TryAcquire(twoPages - n) {
		return true
	}
	budget.Release(twoPages - n)
	return false
}

func manyRows(t *testing.T) *world {
	w := newWorld(t, definitions+mine+news)
	var changes []clientstest.Change
	for i := range 5000 {
		changes = append(changes, w.lists.Insert(fmt.Sprint(i), "u1", strings.Repeat("x", 100)))
	}
	w.Commit(changes...)
	return w
}

// The next page is read while one is sent, if the client has room for both, so that none waits for it.
func TestNextPageIsReadAhead(t *testing.T) {
	w := manyRows(t)
	for _, tt := range []struct {
		name         string
		lines, bytes int
		page         int64
		ahead        bool
	}{
		{"room for two", math.MaxInt, twoPages, clients.PageMax, true},
		{"room for one", math.MaxInt, 4 * clients.PageMin, 4 * clients.PageMin, false},
		{"credit for two", 2, twoPages, clients.PageMax, true},
		{"credit for one", 1, twoPages, clients.PageMax, false},
		{"no room", math.MaxInt, 0, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			budget, ops := semaphore.NewWeighted(twoPages), 0
			err := download(t, w.Store, &wideSender{lines: tt.lines, bytes: tt.bytes, sending: func(line *wire.Line) error {
				if p := line.Page; p != nil {
					ops += len(p.Ops)
					if got := holds(budget, tt.page); got != (tt.ahead && p.HasMore) {
						t.Errorf("after %d ops: the next page is held: %v", ops, got)
					}
				}
				return nil
			}}, budget)
			if err != nil || ops != 5000 {
				t.Errorf("%d ops, %v", ops, err)
			}
		})
	}
}

// With room for three, two pages are read at the same time while one is sent.
func TestTwoPagesAreReadAhead(t *testing.T) {
	w := manyRows(t)
	budget, ops, most := semaphore.NewWeighted(threePages), 0, 0
	err := download(t, w.Store, &wideSender{lines: math.MaxInt, bytes: threePages, sending: func(line *wire.Line) error {
		if p := line.Page; p != nil {
			ops += len(p.Ops)
			held := 3
			for held > 0 && budget.TryAcquire(clients.PageMax) {
				held--
			}
			budget.Release(int64(3-held) * clients.PageMax)
			most = max(most, held)
		}
		return nil
	}}, budget)
	if err != nil || ops != 5000 || most != 3 {
		t.Errorf("%d ops, %v; at most %d pages were held, want 3", ops, err, most)
	}
}

// A page that gets too long before it ends where it was to is followed by the rest, not by what was read ahead.
func TestReadAheadOfLongLines(t *testing.T) {
	w := newWorld(t, definitions+mine)
	var changes []clientstest.Change
	for i := range 3000 {
		changes = append(changes, w.lists.Insert(fmt.Sprint(i), "u1", strings.Repeat(`"`, 500))) // 1000 bytes of JSON, 2000 of JSON in JSON
	}
	w.Commit(changes...)
	budget, pages, ops, next := semaphore.NewWeighted(threePages), 0, 0, uint64(0)
	err := download(t, w.Store, &wideSender{lines: math.MaxInt, bytes: threePages, sending: func(line *wire.Line) error {
		if p := line.Page; p != nil {
			if p.After != next || p.Ops[0].ID <= next {
				t.Errorf("page from %d, its first op %d, want one behind %d", p.After, p.Ops[0].ID, next)
			}
			pages, ops, next = pages+1, ops+len(p.Ops), p.Next
		}
		return nil
	}}, budget)
	if err != nil || ops != 3000 || pages < 3000*2000/clients.PageMax {
		t.Errorf("%d ops in %d pages, %v", ops, pages, err)
	}
}

// A round that is overtaken while its next page is being read leaves that one: each op is sent once, in order (C2).
func TestReadAheadIsOvertaken(t *testing.T) {
	w := manyRows(t)
	budget := semaphore.NewWeighted(twoPages)
	var kinds []string
	ops, next, urgent := 0, uint64(0), false
	err := download(t, w.Store, &wideSender{lines: math.MaxInt, bytes: twoPages, sending: func(line *wire.Line) error {
		kinds = append(kinds, describe(line))
		p := line.Page
		if p == nil || bare(p.Bucket) == "news[]" {
			return nil
		}
		if p.After != next {
			t.Errorf("page from %d, want %d", p.After, next)
		}
		next = p.Next
		if ops += len(p.Ops); ops >= 1500 && !urgent {
			urgent = true
			if !holds(budget, clients.PageMax) {
				t.Error("the next page is not being read")
			}
			w.Commit(w.news.Insert("n", "urgent"))
		}
		return nil
	}}, budget)
	if err != nil || ops != 5000 {
		t.Errorf("%d ops, %v", ops, err)
	}
	m := ` data(mine["u1"])`
	if got, want := strings.Join(kinds, " "), "checkpoint"+m+m+" diff data(news[]) partial(0)"+m+m+m+m+" complete"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// A client that goes away leaves nothing of the page that is being read for it.
func TestReadAheadOfAClientThatIsGone(t *testing.T) {
	w := manyRows(t)
	budget, broken := semaphore.NewWeighted(twoPages), errors.New("broken pipe")
	err := download(t, w.Store, &wideSender{lines: math.MaxInt, bytes: twoPages, sending: func(line *wire.Line) error {
		if line.Page == nil {
			return nil
		}
		if !holds(budget, clients.PageMax) {
			t.Error("the next page is not being read")
		}
		return broken
	}}, budget)
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
