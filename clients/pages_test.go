package clients

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirsync/weir/buckets"
)

// Sessions that come to the same place while a page is being read wait for it: it is read once.
func TestPagesAreReadOnce(t *testing.T) {
	c := newPages(1 << 20)
	var reads atomic.Int32
	begun, goOn := make(chan struct{}), make(chan struct{})
	read := func() (*page, error) {
		if reads.Add(1) == 1 {
			close(begun)
		}
		<-goOn
		return &page{line: []byte("x")}, nil
	}
	var running sync.WaitGroup
	get := func() {
		if p, err := c.get(pageKey{bucket: "b"}, read); err != nil || string(p.line) != "x" {
			t.Errorf("got %+v, %v", p, err)
		}
	}
	running.Go(get)
	<-begun
	for range 10 {
		running.Go(get)
	}
	close(goOn)
	running.Wait()
	get()
	if n := reads.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
}

func TestPagesAreBounded(t *testing.T) {
	c := newPages(1000)
	for i := range 50 {
		key := pageKey{after: buckets.OpID(i)}
		if _, err := c.get(key, func() (*page, error) { return &page{line: make([]byte, 100)}, nil }); err != nil {
			t.Fatal(err)
		}
		if c.bytes > 1000 || len(c.byKey) > 10 || c.order.Len() != len(c.byKey) {
			t.Fatalf("%d bytes in %d pages", c.bytes, len(c.byKey))
		}
	}
	// What can't be used again is not kept.
	for i, p := range []*page{{overtaken: true}, {}} {
		key := pageKey{bucket: fmt.Sprint(i)}
		_, _ = c.get(key, func() (*page, error) { return p, nil })
		if c.byKey[key] != nil {
			t.Errorf("%+v is kept", p)
		}
	}
	if _, err := c.get(pageKey{bucket: "e"}, func() (*page, error) { return nil, errExpired }); err == nil || c.byKey[pageKey{bucket: "e"}] != nil {
		t.Error("an error is kept")
	}
}

// Thousands of idle clients must not keep what they were sent in memory.
func TestPagesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newPages(1000)
		get := func(bucket string) {
			_, _ = c.get(pageKey{bucket: bucket}, func() (*page, error) { return &page{line: make([]byte, 100)}, nil })
		}
		get("a")
		get("b")
		time.Sleep(pageLife - time.Millisecond)
		get("b")
		time.Sleep(time.Second)
		synctest.Wait()
		c.mu.Lock()
		if c.byKey[pageKey{bucket: "a"}] != nil || c.byKey[pageKey{bucket: "b"}] == nil {
			t.Errorf("there are %v, want only b", c.byKey)
		}
		c.mu.Unlock()
		time.Sleep(2 * pageLife)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.bytes != 0 || len(c.byKey) != 0 || c.timed {
			t.Errorf("%d bytes in %d pages are left", c.bytes, len(c.byKey))
		}
	})
}

// Clients that were fast and stopped can't take all memory: the others go on with small pages.
func TestLargePagesAreBounded(t *testing.T) {
	budget := newBudget()
	held := 0
	for range 1000 {
		p := pace{budget: budget}
		if limit, _ := p.take(); limit != pageMin {
			t.Fatalf("the first page has %d bytes", limit)
		}
		for range 20 {
			p.adjust(time.Millisecond)
		}
		limit, _ := p.take() // never released: it takes nothing any more
		held += limit
	}
	if most := largePages + 1000*pageMin; held > most {
		t.Errorf("%d bytes are held up, want at most %d", held, most)
	}
	p := pace{budget: newBudget(), size: pageMax}
	p.adjust(2 * time.Second)
	if limit, _ := p.take(); limit != pageMin {
		t.Errorf("a slow client gets %d bytes", limit)
	}
}
