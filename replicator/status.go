package replicator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/weirsync/weir/buckets"
)

const (
	statusMax   = 10 * time.Second       // between two reports
	statusCheck = 500 * time.Millisecond // how often a new durable position is looked for
	silenceMin  = 30 * time.Second       // of the server, until the connection counts as dead

	finishTimeout = 5 * time.Second // to store and acknowledge what was received, at the end
)

var errSilent = errors.New("the server is silent: the connection counts as broken")

// statusInterval is how often the server has to hear from us.
func (s *Source) statusInterval(ctx context.Context) (time.Duration, error) {
	var ms int64
	err := s.slots.QueryRow(ctx, "SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'").Scan(&ms)
	if err != nil {
		return 0, fmt.Errorf("read wal_sender_timeout: %w", err)
	}
	if ms <= 0 {
		return statusMax, nil
	}
	return min(statusMax, time.Duration(ms)*time.Millisecond/3), nil
}

// report sends statuses until ctx ends: every interval, when the server asks, and soon after a new position became durable. It is
// independent of the reader, so a store that stalls for longer than wal_sender_timeout does not cost the connection.
func (st *stream) report(ctx context.Context, interval time.Duration) error {
	tick := time.NewTicker(min(interval, statusCheck))
	defer tick.Stop()
	var sent time.Time
	var acked buckets.Position
	for {
		due := time.Since(sent) >= interval-interval/10
		if flush := st.flushed(); due || flush != acked {
			if err := st.sendStatus(flush, due); err != nil {
				st.interrupt()
				return err
			}
			sent, acked = time.Now(), flush
		}
		if st.silence() > max(silenceMin, 4*interval) {
			st.interrupt()
			return errSilent
		}
		select {
		case <-tick.C:
		case <-st.reply:
			sent = time.Time{}
		case <-ctx.Done():
			return nil
		}
	}
}

func (st *stream) requestStatus() {
	select {
	case st.reply <- struct{}{}:
	default:
	}
}

// flushed is the position to acknowledge: what the store has fsynced, and never more than this server has spoken of (I2).
func (st *stream) flushed() buckets.Position {
	return min(st.s.store.Durable(st.s.cfg.Name), buckets.Position(st.received.Load()))
}

// sendStatus sets all three positions: left at zero they would be filled in, with flush from write. ask makes the server answer
// with its position: that is what tells a dead connection and moves an idle slot.
func (st *stream) sendStatus(flush buckets.Position, ask bool) error {
	if flush == 0 {
		return nil
	}
	if err := st.conn.Conn().SetWriteDeadline(time.Now().Add(silenceMin)); err != nil {
		return fmt.Errorf("send status: %w", err)
	}
	lsn := pglogrepl.LSN(flush)
	err := pglogrepl.SendStandbyStatusUpdate(context.Background(), st.conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: lsn, WALFlushPosition: lsn, WALApplyPosition: lsn, ReplyRequested: ask,
	})
	if err != nil {
		return fmt.Errorf("send status: %w", err)
	}
	return nil
}

func (st *stream) silence() time.Duration {
	if st.blocked.Load() {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - st.heard.Load())
}

// finish waits until what was handed to the store is durable, acknowledges it, and ends the stream in order, so that the server has
// taken note when the connection closes. Errors only mean that some of it will be sent again.
func (st *stream) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if err := st.s.store.WaitDurable(ctx, st.s.cfg.Name, st.last); err != nil {
		return
	}
	if err := st.conn.Conn().SetReadDeadline(time.Now().Add(finishTimeout)); err != nil {
		return
	}
	if err := st.sendStatus(st.flushed(), false); err != nil {
		return
	}
	st.conn.Frontend().Send(&pgproto3.CopyDone{})
	if err := st.conn.Frontend().Flush(); err != nil {
		return
	}
	for {
		msg, err := st.conn.ReceiveMessage(context.Background())
		if err != nil {
			return
		}
		if _, ok := msg.(*pgproto3.ReadyForQuery); ok {
			return // the server has let go of the slot
		}
	}
}
