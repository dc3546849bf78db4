package replicator

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weirsync/weir/buckets"
)

// MessagePrefix is the prefix of the logical messages that weir writes.
const MessagePrefix = "weir"

// Contents of messages that nobody waits for in the stream; those of markers are nonces.
const (
	chunkContent = "chunk"
	headContent  = "wc"
)

// emitMarker writes a marker (emitMarkerAt).
func emitMarker(ctx context.Context, pool *pgxpool.Pool, content string) error {
	_, err := emitMarkerAt(ctx, pool, content)
	return err
}

// emitMarkerAt writes a transactional message and returns where it stands. In the stream it stands behind every commit that anyone could
// see before the call, and synchronous_commit=local (a setting of the session) flushes it and them, without waiting for a standby.
func emitMarkerAt(ctx context.Context, pool *pgxpool.Pool, content string) (buckets.Position, error) {
	var text string
	if err := pool.QueryRow(ctx, "SELECT pg_logical_emit_message(true, $1, $2)::text", MessagePrefix, content).Scan(&text); err != nil {
		return 0, fmt.Errorf("emit marker: %w", err)
	}
	at, err := pglogrepl.ParseLSN(text)
	if err != nil {
		return 0, fmt.Errorf("emit marker: %w", err)
	}
	return buckets.Position(at), nil
}

// newNonce returns a text that no other marker has.
func newNonce() string { return rand.Text() }
