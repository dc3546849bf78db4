package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// readSlot reads a slot's changes with the options that weir uses, throws them away, and returns how long it took until so many rows and
// the commit behind them had come.
func readSlot(ctx context.Context, uri, slot, publication string, rows int) (time.Duration, error) {
	cfg, err := pgconn.ParseConfig(uri)
	if err != nil {
		return 0, err
	}
	cfg.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all of interest has been read
	err = pglogrepl.StartReplication(ctx, conn, slot, 0, pglogrepl.StartReplicationOptions{
		Mode: pglogrepl.LogicalReplication,
		PluginArgs: []string{
			"proto_version '1'", fmt.Sprintf("publication_names '%s'", publication), "messages 'true'",
		},
	})
	if err != nil {
		return 0, err
	}
	started := time.Now()
	// Watching the context of each message would cost more than reading it.
	defer context.AfterFunc(ctx, func() { _ = conn.Conn().SetReadDeadline(time.Unix(1, 0)) })()
	for left := rows; ; {
		msg, err := conn.ReceiveMessage(context.Background())
		if err != nil {
			return 0, errors.Join(ctx.Err(), err)
		}
		data, ok := msg.(*pgproto3.CopyData)
		if !ok {
			return 0, fmt.Errorf("unexpected message %T", msg)
		}
		switch changeOf(data.Data) {
		case 'I', 'U', 'D':
			left--
		case 'C':
			if left <= 0 {
				return time.Since(started), nil
			}
		}
	}
}

// walHeader is what stands before a change: the kind of message, two positions and a time.
const walHeader = 1 + 8 + 8 + 8

// changeOf returns the kind of change, 0 if the message brings none. Keepalives need no answer: the whole reading takes less time
// than the server's patience.
func changeOf(message []byte) byte {
	if len(message) <= walHeader || message[0] != pglogrepl.XLogDataByteID {
		return 0
	}
	return message[walHeader]
}
