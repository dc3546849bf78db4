package demo

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// How much there is in the guide.
const (
	userCount       = 200
	restaurantCount = 400
	visitsEach      = 20 // of each user, on average
	favouritesEach  = 5
)

// guideSeed makes the guide the same every time.
const guideSeed = 20260101

// guideEnd is the day up to which the guide goes.
var guideEnd = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// table is a table's rows in the form that COPY takes.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

// newGuide makes up the guide: always the same.
func newGuide() []table {
	g := generator{rand.New(rand.NewPCG(guideSeed, 0))}
	users, restaurants := g.users(), g.restaurants()
	return []table{users, restaurants, g.visits(users), g.favourites(users)}
}

// generator makes rows up.
type generator struct{ rng *rand.Rand }

func (g generator) users() table {
	t := table{name: "users", columns: []string{"id", "name", "email", "city", "joined", "interests"}}
	for i := range userCount {
		name := g.pick(firstNames) + " " + g.pick(lastNames)
		id, city := fmt.Sprintf("user%d", i+1), g.pick(cities)
		if i < len(heroes) {
			id, name, city = heroes[i].id, heroes[i].name, heroes[i].city
		}
		interests := g.some(slices.Concat(extras, g.cuisineNames()), 4)
		t.rows = append(t.rows, []any{id, name, id + "@guide.example", city, g.day(6), interests})
	}
	return t
}

func (g generator) restaurants() table {
	t := table{
		name:    "restaurants",
		columns: []string{"id", "name", "city", "cuisine", "price_level", "rating", "tags", "opened"},
	}
	for i := range restaurantCount {
		c := cuisines[g.rng.IntN(len(cuisines))]
		tags := append(g.some(c.tags, 2), g.some(extras, 2)...)
		t.rows = append(t.rows, []any{
			int64(i + 1), g.pick(c.kinds) + " " + g.pick(c.places), g.pick(cities), c.name,
			int16(1 + g.rng.IntN(4)), hundredths(250 + g.rng.IntN(240)), tags, g.day(40),
		})
	}
	return t
}

func (g generator) visits(users table) table {
	t := table{
		name:    "visits",
		columns: []string{"id", "user_id", "restaurant_id", "visited_on", "spent", "stars", "note"},
	}
	for _, user := range users.rows {
		for range visitsEach/2 + g.rng.IntN(visitsEach+1) {
			stars, note := g.opinion()
			t.rows = append(t.rows, []any{
				g.uuid(), user[0], g.restaurant(), g.day(4), hundredths(600 + g.rng.IntN(9000)), stars, note,
			})
		}
	}
	return t
}

func (g generator) favourites(users table) table {
	t := table{name: "favourites", columns: []string{"user_id", "restaurant_id", "since"}}
	for _, user := range users.rows {
		first := g.restaurant()
		for i := range 1 + g.rng.IntN(2*favouritesEach-1) {
			id := (first+int64(i)*37)%restaurantCount + 1 // never twice the same
			t.rows = append(t.rows, []any{user[0], id, g.day(4)})
		}
	}
	return t
}

// opinion returns stars and a note, which one in four visitors doesn't give.
func (g generator) opinion() (stars *int16, note *string) {
	if g.rng.IntN(4) == 0 {
		return nil, nil
	}
	n := int16(1 + g.rng.IntN(5))
	if g.rng.IntN(2) == 0 {
		return &n, nil
	}
	text := g.pick(notes[n/4]) // 4 and 5 are many
	return &n, &text
}

// restaurant returns the id of one.
func (g generator) restaurant() int64 { return 1 + g.rng.Int64N(restaurantCount) }

// day returns one of the last years.
func (g generator) day(years int) time.Time { return guideEnd.AddDate(0, 0, -g.rng.IntN(years*365)) }

func (g generator) pick(words []string) string { return words[g.rng.IntN(len(words))] }

// some returns one to most words, none twice.
func (g generator) some(words []string, most int) []string {
	var picked []string
	for _, i := range g.rng.Perm(len(words))[:1+g.rng.IntN(most)] {
		picked = append(picked, words[i])
	}
	return picked
}

func (g generator) cuisineNames() []string {
	var names []string
	for i := range cuisines {
		names = append(names, cuisines[i].name)
	}
	return names
}

func (g generator) uuid() (raw [16]byte) {
	for i := range raw {
		raw[i] = byte(g.rng.Uint32())
	}
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80 // version 4
	return raw
}

// hundredths is n/100 as a numeric.
func hundredths(n int) pgtype.Numeric {
	return pgtype.Numeric{Int: big.NewInt(int64(n)), Exp: -2, Valid: true}
}
