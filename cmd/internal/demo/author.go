package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// change is what one transaction did.
type change struct {
	text string // for people
	row  rowKey
	user string // whose row it is, "" if everyone sees it
}

// seenBy says whether the rules show the change to the user.
func (c *change) seenBy(user string) bool { return c.user == "" || c.user == user }

// author writes to the guide: visits of both users, a rating that both see, and
// a delete, in turn.
type author struct {
	conn *pgx.Conn
	rng  *rand.Rand
	turn int
}

func newAuthor(conn *pgx.Conn) *author {
	return &author{conn: conn, rng: rand.New(rand.NewPCG(guideSeed, 1))}
}

// write commits the next change, and returns when COMMIT returned. announce is
// called before: a client can have the change before COMMIT returns.
func (a *author) write(ctx context.Context, announce func(*change)) (committed time.Time, err error) {
	tx, err := a.conn.Begin(ctx)
	if err != nil {
		return committed, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after Commit
	c, err := a.next(ctx, tx)
	if err != nil {
		return committed, fmt.Errorf("write: %w", err)
	}
	announce(c)
	if err := tx.Commit(ctx); err != nil {
		return committed, fmt.Errorf("commit: %w", err)
	}
	return time.Now(), nil
}

func (a *author) next(ctx context.Context, tx pgx.Tx) (*change, error) {
	turn := a.turn
	a.turn++
	switch turn % 4 {
	case 0:
		return a.visit(ctx, tx, heroes[0].id)
	case 1:
		return a.visit(ctx, tx, heroes[1].id)
	case 2:
		return a.rate(ctx, tx)
	}
	return a.unvisit(ctx, tx, heroes[turn/4%len(heroes)].id)
}

const insertVisit = `
INSERT INTO visits (user_id, restaurant_id, visited_on, spent, stars, note)
VALUES ($1, $2, current_date, $3, $4, $5)
RETURNING id::text, (SELECT name || ' in ' || city FROM restaurants WHERE id = restaurant_id)`

func (a *author) visit(ctx context.Context, tx pgx.Tx, user string) (*change, error) {
	g := generator{a.rng}
	stars, note := g.opinion()
	c := &change{row: rowKey{table: "visits"}, user: user}
	var place string
	row := tx.QueryRow(ctx, insertVisit, user, g.restaurant(), hundredths(600+a.rng.IntN(9000)), stars, note)
	if err := row.Scan(&c.row.id, &place); err != nil {
		return nil, err
	}
	c.text = fmt.Sprintf("%s visits %s", user, place)
	if stars != nil {
		c.text += fmt.Sprintf(", %d of 5", *stars)
	}
	return c, nil
}

const updateRating = `
UPDATE restaurants SET rating = CASE WHEN rating > 4 THEN rating - 0.4 ELSE rating + 0.1 END
WHERE id = $1 RETURNING id::text, name || ' in ' || city || ' is rated ' || rating`

func (a *author) rate(ctx context.Context, tx pgx.Tx) (*change, error) {
	c := &change{row: rowKey{table: "restaurants"}}
	err := tx.QueryRow(ctx, updateRating, generator{a.rng}.restaurant()).Scan(&c.row.id, &c.text)
	return c, err
}

const deleteVisit = `
DELETE FROM visits WHERE id = (SELECT id FROM visits WHERE user_id = $1 ORDER BY visited_on, id LIMIT 1)
RETURNING id::text, (SELECT name FROM restaurants WHERE id = restaurant_id)`

func (a *author) unvisit(ctx context.Context, tx pgx.Tx, user string) (*change, error) {
	c := &change{row: rowKey{table: "visits"}, user: user}
	var place string
	if err := tx.QueryRow(ctx, deleteVisit, user).Scan(&c.row.id, &place); err != nil {
		return nil, err
	}
	c.text = fmt.Sprintf("%s deletes a visit to %s", user, place)
	return c, nil
}
