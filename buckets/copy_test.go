package buckets

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	copyFirst  = "bucket_definitions:\n  all:\n    data: [SELECT * FROM items]\n"
	copySecond = copyFirst + "  again:\n    data: [SELECT * FROM items AS twins]\n"
)

// copying is a store that is about to copy: its items are complete, its writer stands before each step until next lets it go on.
type copying struct {
	*harness
	next chan struct{}
}

func newCopying(t *testing.T, images RowImages) *copying {
	c := &copying{next: make(chan struct{})}
	c.harness = newHarnessWith(t, Options{RowImages: images, copyRows: 1, Step: func(name string) {
		if name == StepCopy {
			<-c.next
		}
	}})
	c.deploy(copyFirst)
	c.plan(items)
	c.snapshot(items, tuple("1", "o1", "a", nil), tuple("2", nil, "b", "x"), tuple("3", "o3", "c", "y"))
	return c
}

// goOn lets all steps pass.
func (c *copying) goOn() { close(c.next) }

// start deploys the second definition and lets the first step of the copy pass. The writer goes on to the second.
func (c *copying) start() (v Version, planned chan struct{}) {
	c.tb.Helper()
	v, planned = c.deploy(copySecond), make(chan struct{})
	go func() {
		defer close(planned)
		c.plan(items)
	}()
	c.next <- struct{}{}
	return v, planned
}

// active waits until a version is.
func (h *harness) active(id VersionID) {
	h.tb.Helper()
	h.await(fmt.Sprintf("version %d is active", id), func() (ok bool) {
		h.must(h.View(func(v *View) error {
			ok = v.Version().ID == id
			return nil
		}))
		return ok
	})
}

// await polls until ok, at most for ten seconds.
func (h *harness) await(what string, ok func() bool) {
	h.tb.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.tb.Fatalf("not reached: %s", what)
		}
	}
}

// twins compares both outputs of the items.
func (c *copying) twins(want map[string]string) {
	c.tb.Helper()
	all := map[object]string{}
	for id, data := range want {
		all[object{"items", id}], all[object{"twins", id}] = data, data
	}
	if d := cmp.Diff(all, c.client("ann")); d != "" {
		c.tb.Errorf("client's rows (-want +got):\n%s", d)
	}
}

var copyRows = map[string]string{
	"1": `{"id":"1","owner":"o1","n":"a","b":null}`,
	"2": `{"id":"2","owner":null,"n":"b","b":"x"}`,
	"3": `{"id":"3","owner":"o3","n":"c","b":"y"}`,
}

// The new table is complete without a chunk, a fence or a re-read.
func TestCopyNeedsNoSource(t *testing.T) {
	c := newCopying(t, RowImagesAll)
	c.goOn()
	v := c.deploy(copySecond)
	c.plan(items)
	c.active(v.ID)
	c.twins(copyRows)
}

// What the stream does to rows on both sides of the cursor counts, in both tables.
func TestCopyBesideTheStream(t *testing.T) {
	c := newCopying(t, RowImagesAll)
	v, _ := c.start()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.stream(
			upd(items, "1", "o1", "a2", nil), upd(items, "2", nil, "b2", "<u>"),
			move(items, "3", "4", "o3", "c", "<u>"), ins(items, "0", "o0", "z", nil), del(items, "1"),
		)
	}()
	c.goOn()
	<-done
	c.active(v.ID)
	c.twins(map[string]string{
		"0": `{"id":"0","owner":"o0","n":"z","b":null}`,
		"2": `{"id":"2","owner":null,"n":"b2","b":"x"}`,
		"4": `{"id":"4","owner":"o3","n":"c","b":"y"}`,
	})
}

// A stop amid a copy, and the copy goes on where it was.
func TestCopyResumes(t *testing.T) {
	c := newCopying(t, RowImagesAll)
	v, planned := c.start()
	go c.goOn() // the writer stands before the next step, which it ends before it stops
	c.reopen()
	<-planned
	c.plan(items)
	c.active(v.ID)
	c.twins(copyRows)
}

// A donor that is read again is none any more.
func TestCopyEndsWithItsDonor(t *testing.T) {
	c := newCopying(t, RowImagesAll)
	donor := c.Tables("default")[0]
	_, planned := c.start()
	begun := make(chan error)
	go func() {
		_, err := c.BeginGeneration(c.ctx, donor.ID, items)
		begun <- err
	}()
	c.goOn()
	<-planned
	c.must(<-begun)
	c.await("the copy ends", func() bool { return !c.Tables("default")[1].Copying })
	if tab := c.Tables("default")[1]; tab.Phase != Chunking && tab.Phase != Done {
		t.Errorf("the table is %+v", tab)
	}
	c.chunk(items, true, tuple("1", "o1", "a", nil))
	c.fence(items)
	c.twins(map[string]string{"1": copyRows["1"]})
}

// A table whose rows are not all whole is no donor: it was read, or written, while less was kept.
func TestCopyNeedsWholeRows(t *testing.T) {
	for _, c := range []struct {
		name       string
		read, then RowImages
		whole      bool
	}{
		{"read before", RowImagesToast, RowImagesAll, false},
		{"all the time", RowImagesAll, RowImagesAll, true},
		{"not written since", RowImagesAll, RowImagesNone, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newCopying(t, c.read)
			h.goOn()
			h.opts.RowImages = c.then
			h.reopen()
			v := h.deploy(copySecond)
			h.plan(items)
			if copied := h.public(v.ID).State == Active || h.Tables("default")[1].Copying; copied != c.whole {
				t.Errorf("copied: %v, want %v", copied, c.whole)
			}
		})
	}
	for name, lose := range map[string]func(*copying){
		"written while less was kept": func(h *copying) {
			h.opts.RowImages = RowImagesToast
			h.reopen()
			h.stream(upd(items, "1", "o1", "a", nil))
			h.opts.RowImages = RowImagesAll
			h.reopen()
		},
		"read again in part": func(h *copying) { // rows stay that are of the generation before
			_, err := h.ReadAgain(h.ctx, Again{Tables: []TableID{h.Tables("default")[0].ID}, Keep: true})
			h.must(err)
			h.chunk(items, true, tuple("1", "o1", "a", nil))
			h.fence(items)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newCopying(t, RowImagesAll)
			h.goOn()
			lose(h)
			h.deploy(copySecond)
			h.plan(items)
			if got := h.Tables("default")[1].Phase; got != Registered {
				t.Errorf("phase %v, want Registered", got)
			}
		})
	}
}

// Many rows are copied in steps; those of a batch are bounded in bytes, too.
func TestCopyInSteps(t *testing.T) {
	steps := 0
	h := newHarnessWith(t, Options{RowImages: RowImagesAll, Step: func(name string) {
		if name == StepCopy {
			steps++
		}
	}})
	h.deploy(copyFirst)
	h.plan(items)
	wide := make([]byte, copyBytes/4)
	for i := range wide {
		wide[i] = 'w'
	}
	var rows []Tuple
	for i := range 12 {
		rows = append(rows, tuple(fmt.Sprint(i), nil, string(wide), nil))
	}
	h.snapshot(items, rows...)
	v := h.deploy(copySecond)
	h.plan(items)
	h.active(v.ID)
	got := maps.Clone(h.client("ann"))
	h.stop()
	if h.stop = func() {}; steps != 3 || len(got) != 24 {
		t.Errorf("%d steps and %d rows, want 3 and 24", steps, len(got))
	}
}
