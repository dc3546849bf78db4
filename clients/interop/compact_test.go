package interop_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/interop"
)

// The stock SDK, which verifies every checksum, comes to the right rows while the store is compacted all the time: connected, and after it
// was away for some of it.
func TestPoint35_InteropCompaction(t *testing.T) {
	for _, method := range []string{"http", "ws"} {
		t.Run(method, func(t *testing.T) { testCompaction(t, method) })
	}
}

func testCompaction(t *testing.T, method string) {
	store := clientstest.NewStore(t)
	lists := store.Table("lists", "id", "owner", "name")
	store.Deploy(rules)
	srv := store.Serve(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var compacting sync.WaitGroup
	defer compacting.Wait()
	defer cancel()
	compacting.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			_, err := store.Compact(ctx)
			if i%10 == 9 && err == nil {
				_, err = store.CompactFile(ctx)
			}
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("compact: %v", err)
				return
			}
		}
	})
	const ids = 50
	change := func(round int) {
		for i := range ids {
			id := fmt.Sprint(i)
			switch {
			case round == 0:
				store.Commit(lists.Insert(id, "u1", noise(300)))
			case (i+round)%7 == 0:
				store.Commit(lists.Delete(id))
				store.Commit(lists.Insert(id, "u1", fmt.Sprint("again ", round)))
			default:
				store.Commit(lists.Update(id, "u1", fmt.Sprint(round, noise(300))))
			}
		}
		store.Commit(lists.Insert(fmt.Sprint("end", round), "u1", "end"))
	}
	opts := interop.Options{Endpoint: srv.URL, Token: clientstest.Token(t, "u1"), Method: method, Dir: t.TempDir(), Tables: tables}
	round := 0
	for range 2 { // the second time it goes on where it stopped
		c := interop.Start(t, opts)
		for range 3 {
			change(round)
			c.Wait("changes", func(s interop.State) bool {
				if s.Error != "" {
					t.Fatalf("the client has an error: %s", s.Error)
				}
				return name(s, fmt.Sprint("end", round)) != "" && len(s.Tables["lists"]) == ids+round+1
			})
			round++
		}
		c.Stop()
		change(round)
		round++
	}
	if stats := store.CompactStats(); stats.Dropped == 0 || stats.Moved == 0 {
		t.Errorf("hardly anything was compacted: %+v", stats)
	}
}
