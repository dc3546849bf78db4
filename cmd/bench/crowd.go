package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
)

// crowd is many clients that are connected and have all there is.
type crowd struct {
	streams []syncStream
	owners  []int // whose they are
	wanted  int
	refused error // why there are not more
}

// dialers is how many clients connect at a time.
const dialers = 16

// gather connects n clients, with a bucket of its own each as long as there are enough. Where the server takes no more there are
// fewer of them.
func (b *bench) gather(ctx context.Context, n int) (*crowd, error) {
	return b.gatherOf(ctx, n, func(i int) int { return i % b.sizes.users() })
}

// gatherOf does so with the owners that owner names.
func (b *bench) gatherOf(ctx context.Context, n int, ownerOf func(i int) int) (*crowd, error) {
	c := &crowd{wanted: n}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(dialers)
	for i := range n {
		g.Go(func() error {
			owner := ownerOf(i)
			s, err := b.join(ctx, user(owner))
			mu.Lock()
			defer mu.Unlock()
			var refused *refusedError
			switch {
			case errors.As(err, &refused):
				c.refused = refused
			case err != nil:
				return err
			default:
				c.streams = append(c.streams, s)
				c.owners = append(c.owners, owner)
			}
			return nil
		})
	}
	err := g.Wait()
	if err == nil && len(c.streams) == 0 {
		err = c.refused
	}
	if err != nil {
		c.disperse()
	}
	return c, err
}

// join connects one client and has it download its bucket.
func (b *bench) join(ctx context.Context, user string) (syncStream, error) {
	s, err := b.open(ctx, user, nil)
	if err != nil {
		return nil, err
	}
	if err := drain(s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (c *crowd) disperse() {
	for _, s := range c.streams {
		s.close()
	}
}

// note says that the crowd is smaller than it should be, "" if it is not.
func (c *crowd) note() string {
	if c.refused == nil {
		return ""
	}
	return fmt.Sprintf("only %d of %d clients (%v)", len(c.streams), c.wanted, c.refused)
}
