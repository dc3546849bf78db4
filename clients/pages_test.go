package clients

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/outbox"
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
		if p, _, err := c.get(pageKey{bucket: "b"}, read); err != nil || string(p.line) != "x" {
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

// A large page that nobody else wants is not kept: its line may be used again by who has read it.
func TestLargePagesAreKeptOnceAskedForAgain(t *testing.T) {
	c := newPages(1 << 20)
	line := make([]byte, keptAtOnce+1)
	reads := 0
	for i, want := range []struct {
		own   bool
		reads int
	}{{true, 1}, {false, 2}, {false, 2}} {
		p, own, err := c.get(pageKey{}, func() (*page, error) {
			reads++
			return &page{line: line}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if mine := &p.line[0] == &line[0]; own != want.own || mine != own || reads != want.reads {
			t.Errorf("get %d: own %t, the line that was read %t, %d reads, want %+v", i+1, own, mine, reads, want)
		}
		if shared := c.order.Front().Value.(*sharedPage); own && shared.page != nil || c.bytes != len(line) {
			t.Errorf("get %d: keeps %+v, counts %d bytes", i+1, shared.page, c.bytes)
		}
	}
}

// Whoever comes while a large page is being read gets a copy, which stays when the memory of the one that was read is used again.
func TestLargePagesAreCopiedForOthers(t *testing.T) {
	c := newPages(1 << 20)
	line := bytes.Repeat([]byte("x"), keptAtOnce+1)
	begun, goOn, got := make(chan struct{}), make(chan struct{}), make(chan *page)
	go func() {
		_, _, _ = c.get(pageKey{}, func() (*page, error) {
			close(begun)
			<-goOn
			return &page{line: line}, nil
		})
		clear(line)
	}()
	<-begun
	go func() {
		p, own, _ := c.get(pageKey{}, nil)
		if own {
			t.Error("a page that somebody else has read is handed out as one's own")
		}
		got <- p
	}()
	for wanted := false; !wanted; runtime.Gosched() {
		c.mu.Lock()
		wanted = c.order.Front().Value.(*sharedPage).wanted
		c.mu.Unlock()
	}
	close(goOn)
	if p := <-got; len(p.line) != len(line) || bytes.Count(p.line, []byte("x")) != len(line) {
		t.Error("the page was overwritten")
	}
}

func TestPagesAreBounded(t *testing.T) {
	c := newPages(1000)
	for i := range 50 {
		key := pageKey{after: buckets.OpID(i)}
		if _, _, err := c.get(key, func() (*page, error) { return &page{line: make([]byte, 100)}, nil }); err != nil {
			t.Fatal(err)
		}
		if c.bytes > 1000 || len(c.byKey) > 10 || c.order.Len() != len(c.byKey) {
			t.Fatalf("%d bytes in %d pages", c.bytes, len(c.byKey))
		}
	}
	// What can't be used again is not kept.
	for i, p := range []*page{{overtaken: true}, {}} {
		key := pageKey{bucket: fmt.Sprint(i)}
		_, _, _ = c.get(key, func() (*page, error) { return p, nil })
		if c.byKey[key] != nil {
			t.Errorf("%+v is kept", p)
		}
	}
	if _, _, err := c.get(pageKey{bucket: "e"}, func() (*page, error) { return nil, errExpired }); err == nil || c.byKey[pageKey{bucket: "e"}] != nil {
		t.Error("an error is kept")
	}
}

// Thousands of idle clients must not keep what they were sent in memory.
func TestPagesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newPages(1000)
		get := func(bucket string) {
			_, _, _ = c.get(pageKey{bucket: bucket}, func() (*page, error) { return &page{line: make([]byte, 100)}, nil })
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

// Pages are as large as the connection has room for, from the first one on, and all of them together are bounded.
func TestLargePagesAreBounded(t *testing.T) {
	p := pace{budget: newBudget()}
	for room, want := range map[int]int{0: pageMin, 4*pageMin - 1: pageMin, 4 * pageMin: 4 * pageMin, pageMax: pageMax, 1 << 30: pageMax} {
		limit, release := p.take(room)
		if release(); limit != want {
			t.Errorf("with room for %d bytes a page has %d, want %d", room, limit, want)
		}
	}
	held := 0
	for range 1000 {
		limit, _ := p.take(pageMax) // not released
		held += limit
	}
	if most := largePages + 1000*pageMin; held > most {
		t.Errorf("%d bytes are held up, want at most %d", held, most)
	}
}

// A client that was fast and stops holds up a small page, wherever it stops: what is larger fits in the buffers of the kernel.
func TestRoomIsThere(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, taken := range []int64{0, 1 << 10, 3<<20 + 5, 20 << 20} {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.CopyN(io.Discard, client, taken) }) // and nothing more
		p, largest, line := pace{budget: newBudget()}, 0, make([]byte, pageMax)
		for sent, waits := int64(0), false; !waits; {
			limit, release := p.take(outbox.Room(conn))
			largest = max(largest, limit)
			if sent >= taken { // it may take nothing: what can't be written at once is held up
				_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			}
			n, err := conn.Write(line[:limit])
			release()
			sent, waits = sent+int64(n), err != nil
			if waits && limit > pageMin {
				t.Errorf("a page of %d bytes waits for a client that stopped after %d, %d bytes of it are left", limit, taken, limit-n)
			}
		}
		reading.Wait()
		if runtime.GOOS == "linux" && largest == pageMin {
			t.Error("the client got small pages only")
		}
	}
}
