package demo

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed schema.sql
var schema string

// load makes the guide's tables and fills them. The text says what there is.
func load(ctx context.Context, conn *pgx.Conn) (string, error) {
	if _, err := conn.Exec(ctx, schema); err != nil {
		return "", fmt.Errorf("create the guide's tables: %w", err)
	}
	total := 0
	var parts []string
	for _, t := range newGuide() {
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return "", fmt.Errorf("fill table %s: %w", t.name, err)
		}
		total += len(t.rows)
		parts = append(parts, fmt.Sprintf("%d %s", len(t.rows), t.name))
	}
	return fmt.Sprintf("%d rows loaded: %s", total, strings.Join(parts, ", ")), nil
}
