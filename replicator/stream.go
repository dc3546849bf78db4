package replicator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/weirsync/weir/buckets"
)

// stream reads one connection's changes. Two goroutines share it: the reader decodes and hands transactions to the store, which may
// block it for long; the other one reports to the server, on time whatever the reader waits for (status.go).
type stream struct {
	s    *Source
	l    *link
	conn *pgconn.PgConn
	asm  *assembler

	received atomic.Uint64 // newest position that the server spoke of: never acknowledge more (I2)
	heard    atomic.Int64  // when the server last said something, in Unix nanoseconds
	blocked  atomic.Bool   // the reader waits for the store, so silence is not the server's
	reply    chan struct{} // capacity 1: the server wants a status

	last    buckets.Position // end of the newest transaction handed to the store; the reader's own
	vouched buckets.Position // see vouch; the reader's own
}

// stream replicates from the slot until the connection breaks or ctx ends. When it returns, everything handed to the store is
// durable and acknowledged, if that was possible.
func (s *Source) stream(ctx context.Context, l *link) error {
	interval, err := s.statusInterval(ctx)
	if err != nil {
		return err
	}
	if err := startReplication(ctx, l, s.cfg.Slot, s.cfg.Publication); err != nil {
		return err
	}
	s.enter(Streaming)
	st := &stream{s: s, l: l, conn: l.conn, asm: newAssembler(s.cfg.Name, s.reg, s.cfg.Snapshot.stageBytes()), reply: make(chan struct{}, 1), last: l.start}
	st.received.Store(uint64(l.start))
	st.heard.Store(time.Now().UnixNano())
	return st.run(ctx, interval)
}

// startReplication asks for protocol version 1 without options that would leave transactions out or show unfinished ones.
func startReplication(ctx context.Context, l *link, slot, publication string) error {
	err := pglogrepl.StartReplication(ctx, l.conn, ident(slot), pglogrepl.LSN(l.start), pglogrepl.StartReplicationOptions{
		Mode: pglogrepl.LogicalReplication,
		PluginArgs: []string{
			"proto_version '1'",
			"publication_names " + literal(ident(publication)),
			"messages 'true'",
		},
	})
	if code(err) == "55006" {
		return slotInUse(slot, 0)
	}
	if err != nil {
		return fmt.Errorf("start replication from slot %s: %w", slot, err)
	}
	return nil
}

func (st *stream) run(ctx context.Context, interval time.Duration) error {
	statusCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	broken := make(chan error, 1)
	go func() { broken <- st.report(statusCtx, interval) }()
	// Reading has no context of its own: watching one for each message costs more than decoding it.
	release := context.AfterFunc(ctx, st.interrupt)
	err := st.read(ctx)
	release()
	stop()
	if reported := <-broken; reported != nil && ctx.Err() == nil {
		err = reported
	}
	if ctx.Err() != nil {
		if !st.conn.IsClosed() { // by an error: pgconn ends it in the background, and nobody else may write to it
			st.finish(ctx)
		}
		return ctx.Err()
	}
	return err
}

// interrupt makes the reader return.
func (st *stream) interrupt() { _ = st.conn.Conn().SetReadDeadline(time.Unix(1, 0)) }

func (st *stream) read(ctx context.Context) error {
	for {
		msg, err := st.conn.ReceiveMessage(context.Background())
		if err != nil {
			return fmt.Errorf("read stream: %w", err)
		}
		st.heard.Store(time.Now().UnixNano())
		switch msg := msg.(type) {
		case *pgproto3.CopyData:
			err = st.receive(ctx, msg.Data)
		case *pgproto3.ErrorResponse:
			err = fmt.Errorf("stream of slot %s: %w", st.s.cfg.Slot, pgconn.ErrorResponseToPgError(msg))
		case *pgproto3.CopyDone:
			err = errors.New("the server ended the stream")
		case *pgproto3.NoticeResponse:
			err = st.noticed()
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// noticed: version 18 only warns when the publication is gone, and goes on without its changes (I13).
func (st *stream) noticed() error {
	if text := st.l.notice.Load(); text != nil {
		return &LostError{Why: "the server warns: " + *text, Hint: "don't drop publications that are in use"}
	}
	return nil
}

func (st *stream) receive(ctx context.Context, data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("%w: empty message", errProtocol)
	}
	switch data[0] {
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
		st.saw(x.ServerWALEnd)
		return st.change(ctx, x.WALData)
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
		st.saw(k.ServerWALEnd)
		return st.keepalive(ctx, k)
	default:
		return fmt.Errorf("%w: unknown message %q", errProtocol, data[0])
	}
}

func (st *stream) saw(pos pglogrepl.LSN) {
	if uint64(pos) > st.received.Load() {
		st.received.Store(uint64(pos))
	}
}

func (st *stream) change(ctx context.Context, data []byte) error {
	tx, err := st.asm.add(data)
	if err != nil {
		return err
	}
	if tx == nil {
		if part := st.asm.part(); part != nil {
			return st.waiting(ctx, func() error { return st.s.store.Stage(ctx, part) })
		}
		return nil
	}
	// The end of a commit is a position that the server spoke of, though the messages that carry rows may not say so.
	st.saw(pglogrepl.LSN(tx.End))
	if hook := st.s.cfg.hooks.received; hook != nil {
		hook(tx)
	}
	end := tx.End
	if err := st.vouch(ctx, end); err != nil {
		return err
	}
	st.s.recent.add(st.asm.xid)
	if err := st.waiting(ctx, func() error { return st.s.store.Apply(ctx, tx) }); err != nil {
		return err
	}
	st.last = max(st.last, end)
	return nil
}

// waiting hands something to the store, which may take its time: silence is not the server's meanwhile.
func (st *stream) waiting(ctx context.Context, hand func() error) error {
	st.blocked.Store(true)
	defer func() {
		st.heard.Store(time.Now().UnixNano()) // what was said meanwhile has not been read yet
		st.blocked.Store(false)
	}()
	if err := hand(); err != nil {
		return storeErr(ctx, fmt.Errorf("hand changes to the store: %w", err))
	}
	return nil
}

// keepalive stores where an idle source stands. Inside a transaction the position is that of its commit, which has not been
// received: it must not be stored.
func (st *stream) keepalive(ctx context.Context, k pglogrepl.PrimaryKeepaliveMessage) error {
	if !st.s.cfg.viaStandby() { // else it ends at the primary (lookAtSlot)
		st.s.heardHead(buckets.Position(k.ServerWALEnd))
	}
	if k.ReplyRequested {
		st.requestStatus()
	}
	if st.asm.open() {
		return nil
	}
	if err := st.vouch(ctx, buckets.Position(k.ServerWALEnd)); err != nil {
		return err
	}
	return st.waiting(ctx, func() error {
		return st.s.store.Keepalive(ctx, st.s.cfg.Name, buckets.Position(k.ServerWALEnd))
	})
}
