package replicator

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// standbyEvery is how often a weir that stands by asks whether the source is free.
const standbyEvery = time.Second

// hold is the session whose advisory lock says that this weir has the source. The slot itself admits one reader only, but not before the
// stream begins: without the lock, a second weir could drop the slot that the first has just made.
type hold struct{ conn *pgx.Conn }

// takeHold returns once no other weir has the source. It is not taken on the stream's session: that one can be left over in slot creation by
// a process that died, and would keep the lock; and who ends such sessions has to be the only weir.
func (s *Source) takeHold(ctx context.Context) (*hold, error) {
	cfg, err := parseURI(s.cfg.URI)
	if err != nil {
		return nil, &Fault{Code: CodeURI, Message: err.Error()}
	}
	cfg.RuntimeParams["application_name"] = s.cfg.applicationName("hold")
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, connectFault(ctx, cfg, err)
	}
	h := &hold{conn}
	if err := finishSettings(ctx, conn.PgConn()); err != nil {
		h.release()
		return nil, err
	}
	if err := s.standBy(ctx, h); err != nil {
		h.release()
		return nil, err
	}
	return h, nil
}

// standBy waits for the lock. Health says who has it.
func (s *Source) standBy(ctx context.Context, h *hold) error {
	key := lockKey(s.cfg.Slot)
	for {
		var held bool
		if err := h.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&held); err != nil {
			return fmt.Errorf("lock source: %w", err)
		}
		if held {
			s.await("")
			return nil
		}
		other, err := s.holder(ctx, h, key)
		if err != nil {
			return err
		}
		s.enter(Standby)
		s.await(other)
		if err := pause(ctx, standbyEvery); err != nil {
			return err
		}
	}
}

// lockKey is the number of the advisory lock of a slot. Advisory locks are a database's, and so is a slot.
func lockKey(slot string) int64 {
	sum := sha256.Sum256([]byte("weir slot " + slot))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

const holderQuery = `
SELECT format('pid %s, %s, since %s', a.pid, coalesce('from ' || host(a.client_addr), 'on the server''s machine'),
              to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ'))
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32 | l.objid::bigint) = $1`

// holder says in one line who has the lock.
func (s *Source) holder(ctx context.Context, h *hold, key int64) (string, error) {
	who := "its session can't be seen"
	if err := h.conn.QueryRow(ctx, holderQuery, key).Scan(&who); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("look for the holder of the source: %w", err)
	}
	return fmt.Sprintf("another weir that has slot %s (%s); this one stands by and takes over when that one goes", s.cfg.Slot, who), nil
}

// watch returns when the lock's session is over, or ctx ends.
func (h *hold) watch(ctx context.Context) error {
	_, err := h.conn.WaitForNotification(ctx)
	for err == nil { // nobody notifies us; whoever did does not matter
		_, err = h.conn.WaitForNotification(ctx)
	}
	return fmt.Errorf("the session that holds the source ended: %w", err)
}

func (h *hold) release() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = h.conn.Close(ctx) // it is over either way
}
