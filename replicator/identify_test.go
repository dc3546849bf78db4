package replicator

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/buckets"
)

func TestCheckHistory(t *testing.T) {
	type world struct {
		state buckets.SourceState
		id    identity
		slot  slot
		pub   publication
	}
	good := func() world {
		return world{
			state: buckets.SourceState{SystemID: "7", Database: "app", Timeline: 1, Slot: "s", Publication: "p", PublicationOID: 9, Position: 0x200},
			id:    identity{systemID: "7", database: "app", timeline: 1, flushed: 0x200},
			slot:  slot{exists: true, confirmed: 0x200},
			pub:   publication{oid: 9},
		}
	}
	for _, test := range []struct {
		name   string
		change func(w *world)
		want   string // part of the reason; "" if the stream can go on
	}{
		{"same place", func(*world) {}, ""},
		{"slot behind the store", func(w *world) { w.slot.confirmed = 0x100 }, ""},
		{"other server", func(w *world) { w.id.systemID = "8" }, "the server is another one"},
		{"other database", func(w *world) { w.id.database = "app2" }, "the database is app2"},
		{"publication gone", func(w *world) { w.pub.oid = 0 }, "publication p is gone"},
		{"publication made again", func(w *world) { w.pub.oid = 10 }, "made again"},
		{"slot gone", func(w *world) { w.slot = slot{} }, "slot s is gone"},
		{"slot lost", func(w *world) { w.slot.lost = "wal_removed" }, "invalidated: wal_removed"},
		{"store older than slot", func(w *world) { w.slot.confirmed = 0x201 }, "slot s stands at 0/201"},
		{"server older than store", func(w *world) { w.id.flushed = 0x1ff }, "the server's WAL ends at 0/1FF"},
		{"promoted behind us", func(w *world) {
			w.id.timeline, w.id.history = 3, []branch{{1, 0x200}, {2, 0x300}}
		}, ""},
		{"promoted before us", func(w *world) {
			w.id.timeline, w.id.history = 3, []branch{{1, 0x1ff}, {2, 0x300}}
		}, "left timeline 1 before 0/200"},
		{"unrelated timeline", func(w *world) { w.id.timeline, w.id.history = 3, []branch{{2, 0x300}} }, "left timeline 1"},
	} {
		w := good()
		test.change(&w)
		err := checkHistory(w.state, w.id, w.slot, w.pub)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if !errors.Is(err, ErrHistoryLost) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want a loss because %q", test.name, err, test.want)
		}
		if f := faultsOf(err); len(f) != 1 || f[0].Hint == "" {
			t.Errorf("%s: fault %+v has no hint", test.name, f)
		}
	}
}

func TestParseHistory(t *testing.T) {
	got, err := parseHistory("1\t0/16AFD70\tno recovery target specified\n\n# note\n2\t1/0\tbefore 2000-01-01\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []branch{{1, 0x16AFD70}, {2, 1 << 32}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(branch{})); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"1\n", "x\t0/1\n", "1\tzero\n"} {
		if got, err := parseHistory(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}

func TestNormalise(t *testing.T) {
	for p, want := range map[buckets.Position]buckets.Position{
		0x15B0018: 0x15B0000, 0x1000028: 0x1000000, 0x15B0000: 0x15B0000, 0x15B0019: 0x15B0019, 0x15B0020: 0x15B0020,
	} {
		if got := normalise(p); got != want {
			t.Errorf("normalise(%x) = %x, want %x", p, got, want)
		}
	}
}
