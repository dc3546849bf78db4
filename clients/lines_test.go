package clients_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/wire"
)

func TestPoint14_And15_FirstLine(t *testing.T) {
	w := newWorld(t, definitions+mine+news)
	c := w.request(t, "u1").open(t).checkpoint()
	want := []wire.Stream{{Name: "mine", IsDefault: true}, {Name: "news", IsDefault: true}}
	if diff := cmp.Diff(want, c.Streams, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
}

var (
	ids     = regexp.MustCompile(`"(last_op_id|op_id|after|next_after|write_checkpoint)":[^"]`)
	numbers = regexp.MustCompile(`"(count|priority|checksum|default|sub)":(-?[0-9]+)[,}\]]`)
)

func TestPoint16_IDsAreStringsNumbersAreIntegers(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	s := w.request(t, "u1").open(t)
	for range 3 {
		raw, err := s.raw()
		if err != nil {
			t.Fatal(err)
		}
		if ids.Match(raw) {
			t.Errorf("an id is no string: %s", raw)
		}
		if strings.Count(string(raw), `"checksum":`) > 0 && !numbers.Match(raw) {
			t.Errorf("numbers are no integers: %s", raw)
		}
		if _, err := wire.DecodeJSON(raw); err != nil { // refuses a second key
			t.Error(err)
		}
	}
}

func TestPoint17_UpToDateClientGetsNoData(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	s := w.request(t, "u1").open(t)
	c := s.checkpoint()
	s.page()
	s.complete(c.LastOp)
	s.stop()

	q := w.request(t, "u1")
	q.body = fmt.Sprintf(`{"raw_data":true,"buckets":[{"name":%q,"after":"%d"}]}`, c.Buckets[0].Name, c.LastOp)
	s = q.open(t)
	if got := s.checkpoint(); got.Buckets[0].Count != 1 {
		t.Errorf("bucket %+v", got.Buckets[0])
	}
	s.complete(c.LastOp)
}

func TestPoint18_And19_NothingToSend(t *testing.T) {
	w := newWorld(t, definitions+`
  never:
    parameters: SELECT id AS list FROM lists WHERE owner = request.user_id()
    data:
      - SELECT id, name FROM lists WHERE id = bucket.list
`)
	s := w.request(t, "nobody").open(t)
	c := s.checkpoint()
	if len(c.Buckets) != 0 {
		t.Errorf("buckets %+v", c.Buckets)
	}
	s.complete(c.LastOp)

	w = newWorld(t, definitions+mine)
	s = w.request(t, "u1").open(t)
	c = s.checkpoint()
	want := []wire.Bucket{{Name: c.Buckets[0].Name, Priority: 3, Reasons: []wire.Reason{{Default: true}}}}
	if diff := cmp.Diff(want, c.Buckets); diff != "" || bare(c.Buckets[0].Name) != `mine["u1"]` {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
	s.complete(c.LastOp)
}

func TestPoint20_OnlyOpsAfterThePosition(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"), w.lists.Insert("b", "u1", "x"), w.lists.Insert("c", "u1", "x"))
	s := w.request(t, "u1").open(t)
	c := s.checkpoint()
	all := s.page().Ops
	q := w.request(t, "u1")
	q.body = fmt.Sprintf(`{"raw_data":true,"buckets":[{"name":%q,"after":"%d"}]}`, c.Buckets[0].Name, all[1].ID)
	s = q.open(t)
	s.checkpoint()
	if got := s.page(); len(got.Ops) != 1 || got.Ops[0].ID != all[2].ID || got.After != all[1].ID {
		t.Errorf("got %+v", got)
	}
}

func TestPoint21_PagesAreBounded(t *testing.T) {
	w := newWorld(t, definitions+mine)
	var changes []clientstest.Change
	for i := range 2500 { // short enough that a thousand fit into the largest page
		changes = append(changes, w.lists.Insert(fmt.Sprint(i), "u1", "x"))
	}
	w.Commit(changes...)
	for i, kib := range []int{400, 400, 400, 3000, 10} {
		changes[i] = w.lists.Insert(fmt.Sprint("big", i), "u2", strings.Repeat("x", kib<<10))
	}
	w.Commit(changes[:5]...)
	for user, rows := range map[string]int{"u1": 2500, "u2": 5} {
		s := w.request(t, user).open(t)
		s.checkpoint()
		var sizes []int
		var last uint64
		for more := true; more; {
			raw, err := s.raw()
			if err != nil {
				t.Fatal(err)
			}
			line, err := wire.DecodeJSON(raw)
			if err != nil {
				t.Fatal(err)
			}
			p := line.Page
			if p.After != last || p.Next != p.Ops[len(p.Ops)-1].ID {
				t.Errorf("page is from %d to %d, its ops from %d to %d", p.After, p.Next, last, p.Ops[len(p.Ops)-1].ID)
			}
			if len(p.Ops) > 1000 || len(raw) > 1<<20 && len(p.Ops) > 1 {
				t.Errorf("a page has %d ops and %d bytes", len(p.Ops), len(raw))
			}
			for _, op := range p.Ops {
				if op.ID <= last {
					t.Fatalf("op %d after %d", op.ID, last)
				}
				last = op.ID
				rows--
			}
			sizes, more = append(sizes, len(p.Ops)), p.HasMore
		}
		if rows != 0 {
			t.Errorf("%s: %d rows are missing in pages of %d", user, rows, sizes)
		}
		if user == "u1" && slices.Max(sizes) < 1000 {
			t.Errorf("pages of %d ops: there is room for more", sizes)
		}
		if line := s.next(); line.Complete == nil {
			t.Errorf("got %s, want the completion", describe(line))
		}
	}
}

func TestPoint22_PrioritiesInOrder(t *testing.T) {
	w := newWorld(t, definitions+mine+news)
	w.Commit(w.lists.Insert("a", "u1", "x"), w.news.Insert("n", "x"))
	s := w.request(t, "u1").open(t)
	if got, want := s.round(), `checkpoint data(news[]) partial(0) data(mine["u1"]) complete`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// One group only: no partial completion, whatever its priority.
	w.Commit(w.news.Insert("m", "x"))
	if got, want := s.round(), `diff data(news[]) complete`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPoint23_And24_OnlyWhatConcernsTheClient(t *testing.T) {
	w := newWorld(t, definitions+mine+news)
	s := w.request(t, "u1").open(t)
	s.round()
	w.Commit(w.lists.Insert("b", "u2", "not u1's"))
	w.Commit(w.lists.Insert("a", "u1", "x"))
	d := s.diff()
	if len(d.Removed) != 0 || len(d.Updated) != 1 || bare(d.Updated[0].Name) != `mine["u1"]` || d.Updated[0].Count != 1 {
		t.Errorf("diff %+v", d)
	}
	p := s.page()
	if len(p.Ops) != 1 || p.Ops[0].Checksum != d.Updated[0].Checksum {
		t.Errorf("page %+v", p)
	}
	s.complete(d.LastOp)
}

// byMembership gives a user the lists of the groups they are in.
const byMembership = `
  group:
    parameters: SELECT grp AS grp FROM members WHERE person = request.user_id()
    data:
      - SELECT id, name FROM items WHERE grp = bucket.grp
`

func TestPoint25_BucketsComeAndGo(t *testing.T) {
	store := clientstest.NewStore(t)
	members, items := store.Table("members", "id", "person", "grp"), store.Table("items", "id", "grp", "name")
	store.Deploy(definitions + byMembership)
	w := &world{Store: store, srv: store.Serve(t, nil)}
	w.Commit(items.Insert("i1", "g1", "x"), items.Insert("i2", "g2", "x"), members.Insert("m", "u1", "g1"))
	s := w.request(t, "u1").open(t)
	first := s.checkpoint()
	s.page()
	s.complete(first.LastOp)
	w.Commit(members.Update("m", "u1", "g2"))
	d := s.diff()
	if len(d.Removed) != 1 || d.Removed[0] != first.Buckets[0].Name || len(d.Updated) != 1 || bare(d.Updated[0].Name) != `group["g2"]` {
		t.Errorf("diff %+v", d)
	}
	if p := s.page(); p.After != 0 || len(p.Ops) != 1 || string(p.Ops[0].ObjectID) != "i2" {
		t.Errorf("page %+v", p)
	}
	s.complete(d.LastOp)
	// Back again: the client has forgotten the bucket, so it comes from its beginning.
	w.Commit(members.Update("m", "u1", "g1"))
	s.diff()
	if p := s.page(); p.After != 0 || len(p.Ops) != 1 || string(p.Ops[0].ObjectID) != "i1" {
		t.Errorf("page %+v", p)
	}
}

func TestPoint26_NewerCheckpointInterrupts(t *testing.T) {
	w := newWorld(t, definitions+mine+news)
	var changes []clientstest.Change
	for i := range 3000 {
		changes = append(changes, w.lists.Insert(fmt.Sprint(i), "u1", "x"))
	}
	w.Commit(changes...)
	c := dialRSocket(t, w.srv)
	c.send(setupFrame(t, "u1"), requestFrame(1, 2, `{}`))
	if got := describe(c.line()); got != "checkpoint" {
		t.Fatalf("got %s", got)
	}
	first := c.line().Page
	// The session has begun to wait for credit for the second page, or will. The round goes on to its thousandth op.
	w.Commit(w.news.Insert("n", "urgent"))
	c.send(moreFrame(1, 100))
	var kinds []string
	last, ops := first.Next, len(first.Ops)
	for {
		line := c.line()
		if what := describe(line); len(kinds) == 0 || what != kinds[len(kinds)-1] { // pages that follow each other count once
			kinds = append(kinds, what)
		}
		if line.Diff != nil && (ops < 1000 || ops > 2000) {
			t.Errorf("interrupted after %d ops, want soon after 1000", ops)
		}
		if line.Page != nil && bare(line.Page.Bucket) != "news[]" {
			if line.Page.After != last {
				t.Errorf("page from %d, want %d", line.Page.After, last)
			}
			last = line.Page.Next
			ops += len(line.Page.Ops)
		}
		if line.Complete != nil {
			break
		}
	}
	got := strings.Join(kinds, " ")
	if want := `data(mine["u1"]) diff data(news[]) partial(0) data(mine["u1"]) complete`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A round of less than 1000 ops is finished, however many checkpoints come.
func TestPoint26_YoungRoundsAreFinished(t *testing.T) {
	w := newWorld(t, definitions+mine+news)
	for i := range 3 { // a page each
		w.Commit(w.lists.Insert(fmt.Sprint(i), "u1", strings.Repeat("x", 700<<10)))
	}
	c := dialRSocket(t, w.srv)
	c.send(setupFrame(t, "u1"), requestFrame(1, 1, `{}`))
	kinds := []string{describe(c.line())}
	w.Commit(w.news.Insert("n", "urgent"))
	c.send(moreFrame(1, 100))
	for range 7 {
		kinds = append(kinds, describe(c.line()))
	}
	want := `checkpoint data(mine["u1"]) data(mine["u1"]) data(mine["u1"]) complete diff data(news[]) complete`
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPoint30_And31_Checksums(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	s := w.request(t, "u1").open(t)
	s.round()
	w.Commit(w.lists.Update("a", "u1", "y"), w.lists.Insert("b", "u1", "z"))
	s.round()
	w.Commit(w.lists.Delete("a"))
	s.round()
	s = w.request(t, "u1").open(t)
	b := s.checkpoint().Buckets[0]
	var sum uint32
	ops := s.page().Ops
	for _, op := range ops {
		sum += op.Checksum
		text := "delete." + string(op.Subkey)
		if op.Kind == wire.Put {
			text = "put." + string(op.Type) + "." + string(op.ObjectID) + "." + string(op.Data)
		}
		digest := sha256.Sum256([]byte(text))
		if want := binary.LittleEndian.Uint32(digest[:]); op.Checksum != want {
			t.Errorf("op %s has checksum %d, want %d", text, op.Checksum, want)
		}
	}
	if sum != b.Checksum || int64(len(ops)) != b.Count {
		t.Errorf("ops come to %d of %d ops, announced %+v", sum, len(ops), b)
	}
}

func TestPoint32_RemoveRepeatsThePut(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	s := w.request(t, "u1").open(t)
	s.checkpoint()
	put := s.page().Ops[0]
	s.next()
	w.Commit(w.lists.Delete("a"))
	s.diff()
	remove := s.page().Ops[0]
	key := func(op wire.Op) string { return fmt.Sprintf("%s/%s/%s", op.Type, op.ObjectID, op.Subkey) }
	if put.Kind != wire.Put || remove.Kind != wire.Remove || key(put) != key(remove) || len(put.Subkey) == 0 {
		t.Errorf("PUT %s, then %s %s", key(put), remove.Kind, key(remove))
	}
}
