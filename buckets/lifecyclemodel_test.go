package buckets

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var lifecycleSeed = flag.Int64("lifecycle.seed", 0, "seed of TestLifecycleModel; 0: a few fixed ones")

// TestLifecycleModel plays random deploys, rollbacks and cancels over a changing source, with restarts, resnapshots and time that passes.
// Whatever a client sees at any moment is the truth of one version, whole (I10); in the end the store holds nothing else.
func TestLifecycleModel(t *testing.T) {
	seeds := []int64{1, 2, 3}
	if *lifecycleSeed != 0 {
		seeds = []int64{*lifecycleSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playLifecycle(t, seed, RowImagesToast) })
		t.Run(fmt.Sprint(seed, "-copies"), func(t *testing.T) { playLifecycle(t, seed, RowImagesAll) })
	}
}

// lifecycle is a history. Its rules are made of definitions d0.. in variants; the output table of d<i> is out<i>.
type lifecycle struct {
	*harness
	r      *rand.Rand
	clock  atomic.Int64 // seconds
	rels   []*Relation
	rows   []map[string]Tuple // by relation and key: the source
	value  int
	served map[object]string // the last whole truth that could be seen
	deploy int
}

const (
	lifecycleNames    = 4
	lifecycleVariants = 5
	lifecycleDeploys  = 50
)

// variants of a definition; %d is its number.
var variants = [lifecycleVariants]string{
	"    data: ['SELECT id, n FROM items AS out%d']\n",
	"    data: ['SELECT id, n, owner FROM items AS out%d']\n",
	"    data: ['SELECT id, n FROM items AS out%d WHERE owner = ''o1''']\n",
	"    data: ['SELECT id, n FROM others AS out%d']\n",
	"    parameters: SELECT owner FROM items WHERE owner = 'o2'\n    data: ['SELECT id, n FROM others AS out%d WHERE owner = bucket.owner']\n",
}

// want is the truth of rules made by text.
func (l *lifecycle) want(text string) map[object]string {
	out := map[object]string{}
	for line := range strings.SplitSeq(text, "\n") {
		var i, variant int
		if _, err := fmt.Sscanf(line, "  d%d: # %d", &i, &variant); err != nil {
			continue
		}
		anyO2 := false
		for _, row := range l.rows[0] {
			anyO2 = anyO2 || string(row[1]) == "o2"
		}
		for key, row := range l.rows[map[bool]int{false: 0, true: 1}[variant >= 3]] {
			owner, data := string(row[1]), fmt.Sprintf(`{"id":%q,"n":%q`, key, row[2])
			switch {
			case variant == 1:
				data += fmt.Sprintf(`,"owner":%q`, owner)
			case variant == 2 && owner != "o1", variant == 4 && (owner != "o2" || !anyO2):
				continue
			}
			out[object{fmt.Sprintf("out%d", i), key}] = data + "}"
		}
	}
	return out
}

func (l *lifecycle) text() string {
	var text strings.Builder
	text.WriteString("bucket_definitions:\n")
	for _, i := range l.r.Perm(lifecycleNames)[:1+l.r.Intn(lifecycleNames)] {
		variant := l.r.Intn(lifecycleVariants)
		fmt.Fprintf(&text, "  d%d: # %d\n"+variants[variant], i, variant, i)
	}
	return text.String()
}

func playLifecycle(t *testing.T, seed int64, images RowImages) {
	l := &lifecycle{r: rand.New(rand.NewSource(seed)), served: map[object]string{}, rows: []map[string]Tuple{{}, {}}}
	l.rels = []*Relation{items, relation(16500, "others", "id", "owner", "n", "b")}
	l.harness = newHarnessWith(t, Options{
		RowImages: images, copyRows: 2, noSync: true, KeepRetired: time.Hour, Now: func() time.Time { return time.Unix(1e9+l.clock.Load(), 0) },
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, after %d deploys", seed, l.deploy)
		}
	})
	for l.deploy < lifecycleDeploys && !t.Failed() {
		l.step()
		l.look()
	}
	_, err := l.Cancel(l.ctx)
	if !errors.Is(err, ErrNotDeploying) {
		l.must(err)
	}
	for l.drive() {
	}
	l.clock.Add(7200)
	l.settled()
	l.look()
	got := map[VersionState]int{}
	for _, state := range l.states() {
		got[state]++
	}
	if got[Active] != 1 || got[Deploying]+got[Retiring] > 0 || got[Removed] < lifecycleDeploys/10 {
		t.Errorf("states of the versions in the end: %v", got)
	}
	l.check()
}

func (l *lifecycle) step() {
	switch l.r.Intn(12) {
	case 0:
		_, _, err := l.Deploy(l.ctx, l.text(), "")
		l.must(err)
		l.deploy++
	case 1:
		var id VersionID
		if vs := l.Versions(); len(vs) > 0 && l.r.Intn(2) == 0 {
			id = vs[l.r.Intn(len(vs))].ID
		}
		if _, err := l.Rollback(l.ctx, id); !errors.Is(err, ErrNoRollback) {
			l.must(err)
		}
		l.deploy++
	case 2:
		if _, err := l.Cancel(l.ctx); l.r.Intn(4) > 0 && !errors.Is(err, ErrNotDeploying) {
			l.must(err)
		}
	case 3:
		if l.r.Intn(3) == 0 {
			l.reopen()
		}
	case 4:
		l.clock.Add(int64(l.r.Intn(900)))
	case 5:
		if tabs := l.Tables("default"); len(tabs) > 0 && l.r.Intn(2) == 0 {
			tab := tabs[l.r.Intn(len(tabs))]
			_, err := l.BeginGeneration(l.ctx, tab.ID, tab.Relation)
			l.must(err)
		}
	case 6, 7, 8:
		l.write()
	default:
		for range l.r.Intn(30) {
			l.drive()
			l.look()
		}
	}
}

// write commits a random transaction at the source.
func (l *lifecycle) write() {
	var changes []Change
	for range 1 + l.r.Intn(3) {
		at := l.r.Intn(len(l.rels))
		rel, rows := l.rels[at], l.rows[at]
		key := fmt.Sprint(l.r.Intn(12))
		l.value++
		row := tuple(key, fmt.Sprintf("o%d", l.r.Intn(3)), fmt.Sprint(l.value), nil)
		_, there := rows[key]
		switch {
		case !there:
			changes = append(changes, Change{Op: Insert, Relation: rel, New: slices.Clone(row)})
		case l.r.Intn(4) == 0:
			delete(rows, key)
			changes = append(changes, del(rel, key))
			continue
		case l.r.Intn(4) == 0:
			other := fmt.Sprint(l.r.Intn(12))
			if _, taken := rows[other]; taken {
				continue
			}
			delete(rows, key)
			row[0] = []byte(other)
			changes = append(changes, Change{Op: Update, Relation: rel, Old: rel.oldKey(key), New: slices.Clone(row)})
			key = other
		default:
			changes = append(changes, Change{Op: Update, Relation: rel, New: slices.Clone(row)})
		}
		rows[key] = row
	}
	l.stream(changes...)
}

// drive does the next step of a snapshot, as the replicator would, and tells whether there was one.
func (l *lifecycle) drive() bool {
	l.plan(l.rels...)
	tabs := slices.DeleteFunc(l.Tables("default"), func(t Table) bool { return t.Phase == Done || t.Copying })
	if len(tabs) == 0 {
		return false
	}
	tab := tabs[l.r.Intn(len(tabs))]
	at := slices.IndexFunc(l.rels, func(rel *Relation) bool { return rel.OID == tab.Relation.OID })
	var err error
	switch tab.Phase {
	case Registered:
		_, err = l.BeginGeneration(l.ctx, tab.ID, l.rels[at])
	case Chunking:
		c := &Chunk{Table: tab.ID, Generation: tab.Generation, Relation: l.rels[at], Last: true}
		for _, key := range slices.Sorted(maps.Keys(l.rows[at])) {
			if key < string(tab.Progress) {
				continue
			}
			if len(c.Rows) == 5 {
				c.Progress, c.Last = []byte(key), false
				break
			}
			c.Rows = append(c.Rows, slices.Clone(l.rows[at][key]))
		}
		err = l.SaveChunk(l.ctx, c)
	case Repairing:
		nonce := fmt.Sprintf("fence-%d-%d", tab.ID, l.pos)
		_, err = l.Fence(l.ctx, tab.ID, tab.Generation, nonce, func(context.Context) error {
			l.stream(Change{Op: Message, Prefix: MarkerPrefix, Content: []byte(nonce)})
			return nil
		})
	}
	if !errors.Is(err, ErrStaleGeneration) {
		l.must(err)
	}
	return true
}

// look compares what a client sees with the truth of the active version; while the gate is closed, with what it saw last.
func (l *lifecycle) look() {
	l.tb.Helper()
	text, open := l.active()
	got := l.client("ann")
	for again, _ := l.active(); again != text; again, _ = l.active() { // a copy was completed meanwhile
		text, open = l.active()
		got = l.client("ann")
	}
	if text == "" || !open && cmp.Equal(l.served, got) {
		return
	}
	want := l.want(text)
	if d := cmp.Diff(want, got); d != "" {
		l.tb.Errorf("client's rows (gate open: %v) (-want +got):\n%s", open, d)
	}
	l.served = want
}

// active is the text of the active version, as far as it is durable, and whether its gate is open.
func (l *lifecycle) active() (text string, open bool) {
	l.must(l.do(l.ctx, func(*batch) error {
		if v := l.catalog.active; v != nil {
			text, open = v.Text, l.catalog.open(v)
		}
		return nil
	}))
	return text, open
}
