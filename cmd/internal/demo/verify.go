package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// views say in SQL what rules.yaml gives the user $1: each row's id, and the row
// as JSON. Postgres's arrays are JSON text at the client, what has no JSON type
// is text.
var views = map[string]string{
	"restaurants": `
SELECT id::text, json_build_object('id', id, 'name', name, 'city', city, 'cuisine', cuisine, 'price_level', price_level,
       'rating', rating::text, 'tags', to_json(tags)::text, 'opened', opened)
FROM restaurants WHERE $1::text IS NOT NULL`,
	"users": `
SELECT id, json_build_object('id', id, 'name', name, 'city', city, 'joined', joined, 'interests', to_json(interests)::text)
FROM users WHERE id = $1`,
	"visits": `
SELECT id::text, json_build_object('id', id, 'restaurant_id', restaurant_id, 'visited_on', visited_on, 'spent', spent::text,
       'stars', stars, 'note', note)
FROM visits WHERE user_id = $1`,
	"favourites": `
SELECT user_id || '/' || restaurant_id, json_build_object('id', user_id || '/' || restaurant_id,
       'restaurant_id', restaurant_id, 'since', since)
FROM favourites WHERE user_id = $1`,
}

// verify compares the client's rows with SQL. It returns what differs, "" for
// nothing. The client must have caught up.
func verify(ctx context.Context, conn *pgx.Conn, w *watcher) (string, error) {
	want := map[rowKey]any{}
	for table, query := range views {
		if err := collectView(ctx, conn, table, query, w.user, want); err != nil {
			return "", fmt.Errorf("read %s as SQL gives it to %s: %w", table, w.user, err)
		}
	}
	got := map[rowKey]any{}
	for _, table := range w.client.Tables() {
		for _, row := range w.client.Rows(table) {
			value, err := decode(row.Data)
			if err != nil {
				return "", fmt.Errorf("read row %s of %s at %s's client: %w", row.ID, table, w.user, err)
			}
			got[rowKey{table, row.ID}] = value
		}
	}
	return difference(want, got), nil
}

func collectView(ctx context.Context, conn *pgx.Conn, table, query, user string, into map[rowKey]any) error {
	rows, err := conn.Query(ctx, query, user)
	if err != nil {
		return err
	}
	var id string
	var text []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &text}, func() error {
		value, err := decode(text)
		into[rowKey{table, id}] = value
		return err
	})
	return err
}

// decode reads JSON and keeps numbers as they are written.
func decode(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

// shownMax is how many rows are named.
const shownMax = 5

// difference names the rows that differ.
func difference(want, got map[rowKey]any) string {
	var lines []string
	for row, value := range want {
		other, ok := got[row]
		switch {
		case !ok:
			lines = append(lines, fmt.Sprintf("row %s of %s is missing", row.id, row.table))
		case !reflect.DeepEqual(value, other):
			lines = append(lines, fmt.Sprintf("row %s of %s is not what SQL says", row.id, row.table))
		}
	}
	for row := range got {
		if _, ok := want[row]; !ok {
			lines = append(lines, fmt.Sprintf("row %s of %s should not be there", row.id, row.table))
		}
	}
	slices.Sort(lines)
	if n := len(lines); n > shownMax {
		lines = append(lines[:shownMax], fmt.Sprintf("and %d more", n-shownMax))
	}
	return strings.Join(lines, ", ")
}
