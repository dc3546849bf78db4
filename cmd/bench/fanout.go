package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	fanoutTimes = 4
	fanoutMax   = 30 // ms
)

// runFanout has commits that change one row in the bucket of each of many clients.
func runFanout(ctx context.Context, b *bench) ([]result, error) {
	if err := b.serve(ctx, servedReplica); err != nil {
		return nil, err
	}
	b.progress.step("connect %d clients", b.sizes.fanout)
	c, err := b.gather(ctx, b.sizes.fanout)
	if err != nil {
		return nil, err
	}
	followers := followAll(c.streams)
	defer closeAll(followers)
	b.progress.step("%d commits", b.sizes.rounds)
	var times []time.Duration
	err = b.profiled("", func() error {
		for range b.sizes.rounds {
			sent, err := b.commitToAll(ctx, c.owners)
			if err != nil {
				return err
			}
			if times, err = arrivals(ctx, followers, sent, times); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.progress.step("bare broadcast")
	limit, err := bareBroadcast(ctx, len(followers), b.sizes.rounds)
	if err != nil {
		return nil, fmt.Errorf("measure limit: %w", err)
	}
	return []result{{
		What: fmt.Sprintf("one commit to %d clients, p99", b.sizes.fanout), Unit: millis, LimitOf: "bare WebSocket broadcast",
		Limit: quantile(limit, 0.99), Figure: quantile(times, 0.99), Note: c.note(),
		targets: []target{timesLimit(fanoutTimes), atMost(fanoutMax, millis)},
	}}, nil
}

func followAll(streams []syncStream) []*follower {
	var followers []*follower
	for _, s := range streams {
		followers = append(followers, follow(s))
	}
	return followers
}

func closeAll(followers []*follower) {
	for _, f := range followers {
		f.close()
	}
}

// arrivals appends how long after sent each follower had its next checkpoint.
func arrivals(ctx context.Context, followers []*follower, sent time.Time, times []time.Duration) ([]time.Duration, error) {
	for _, f := range followers {
		at, err := await(ctx, f.complete)
		if err != nil {
			return nil, fmt.Errorf("wait for a checkpoint: %w", err)
		}
		times = append(times, at.Sub(sent))
	}
	return times, nil
}

// commitToAll changes a row of each owner, and returns when the COMMIT was sent.
func (b *bench) commitToAll(ctx context.Context, owners []int) (sent time.Time, err error) {
	var ids []string
	for _, owner := range owners {
		ids = append(ids, fmt.Sprintf(idOf, fmt.Sprint(b.sizes.firstOf(owner))))
	}
	err = b.pg.exec(ctx, fmt.Sprintf("BEGIN; UPDATE %s SET done = NOT done WHERE id IN (%s)", served, strings.Join(ids, ", ")))
	if err != nil {
		return sent, err
	}
	sent = time.Now()
	return sent, b.pg.exec(ctx, "COMMIT")
}

// noticeBytes is about what weir sends a client of one changed row: a diff, a page and the completion, here in one message.
const noticeBytes = 900

// bareBroadcast has one goroutine write a message to n sockets, one after the other.
func bareBroadcast(ctx context.Context, n, rounds int) (times []time.Duration, err error) {
	sockets, over := make(chan *websocket.Conn), make(chan struct{})
	server, err := serveSockets(func(ws *websocket.Conn) error {
		sockets <- ws
		<-over
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer server.close()
	defer close(over)
	var streams []syncStream
	var ends []*websocket.Conn
	for range n {
		ws, _, err := dialer.DialContext(ctx, server.url, nil)
		if err != nil {
			return nil, err
		}
		streams = append(streams, &socketLines{ws: ws})
		ends = append(ends, <-sockets)
	}
	followers := followAll(streams)
	defer closeAll(followers)
	message := append([]byte("....\x03checkpoint_complete\x00"), bytes.Repeat([]byte{'.'}, noticeBytes)...)
	for range rounds {
		sent := time.Now()
		for _, ws := range ends {
			if err := ws.WriteMessage(websocket.BinaryMessage, message); err != nil {
				return nil, err
			}
		}
		if times, err = arrivals(ctx, followers, sent, times); err != nil {
			return nil, err
		}
	}
	return times, nil
}
