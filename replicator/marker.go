package replicator

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// MessagePrefix is the prefix of the logical messages that weir writes.
const MessagePrefix = "weir"

// Contents of messages that nobody waits for in the stream; those of markers are nonces.
const (
	chunkContent = "chunk"
	headContent  = "wc"
)

// emitMarker writes a transactional message. In the stream it stands behind every commit that anyone could see before the call, and
// synchronous_commit=local (a setting of the session) flushes it and them, without waiting for a standby.
func emitMarker(ctx context.Context, pool *pgxpool.Pool, content string) error {
	if _, err := pool.Exec(ctx, "SELECT pg_logical_emit_message(true, $1, $2)", MessagePrefix, content); err != nil {
		return fmt.Errorf("emit marker: %w", err)
	}
	return nil
}

// newNonce returns a text that no other marker has.
func newNonce() string { return rand.Text() }
