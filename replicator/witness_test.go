package replicator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/weirsync/weir/buckets"
)

// The ledger shows whether a checkpoint is a state that the source had: amounts move between its rows and keys swap, but the sum
// stays; the counters of rows 1 and 2 only grow, in the same transactions.
const (
	ledgerTable = `CREATE TABLE ledger (id int PRIMARY KEY, amount int NOT NULL, counter int NOT NULL);
		INSERT INTO ledger SELECT i, 100, 0 FROM generate_series(1, 10) i;
`
	ledgerRules = `  ledger:
    data:
      - SELECT id, amount, counter FROM ledger
`
	ledgerTruth = "SELECT 'ledger', id, json_build_object('id', id, 'amount', amount, 'counter', counter) FROM ledger"
)

// ledgerTransaction moves an amount, changes two keys so that they swap, and counts. Only one can be under way at a time.
func ledgerTransaction(r *rand.Rand) string {
	a, b := 3+r.IntN(8), 3+r.IntN(8)
	return fmt.Sprintf(`BEGIN; LOCK TABLE ledger IN EXCLUSIVE MODE; UPDATE ledger SET amount = amount - 1 WHERE id = %d; UPDATE ledger SET amount = amount + 1 WHERE id = %d;
		UPDATE ledger SET id = -1 WHERE id = %[1]d; UPDATE ledger SET id = %[1]d WHERE id = %d; UPDATE ledger SET id = %[2]d WHERE id = -1;
		UPDATE ledger SET counter = counter + 1 WHERE id = 1; UPDATE ledger SET counter = counter + 1 WHERE id = 2; COMMIT`, a, b, b)
}

// witness judges checkpoints. It may outlive a store.
type witness struct {
	mu      sync.Mutex
	counter float64
	seen    int
}

// watch looks at each checkpoint until ctx ends, or until one is wrong.
func watch(ctx context.Context, store *buckets.Store, w *witness) error {
	sub := store.Subscribe()
	defer sub.Close()
	for {
		rows, names, err := rowsOf(store, "#ledger")
		if err != nil && !errors.Is(err, buckets.ErrNoVersion) {
			return err
		}
		if err == nil {
			if err := w.judge(rows); err != nil {
				return err
			}
			sub.Watch(names, nil, "")
		}
		if _, err := sub.Wait(ctx); err != nil {
			return nil
		}
	}
}

func (w *witness) judge(rows map[string]map[string]any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := 0.0
	for id, row := range rows {
		if strings.HasPrefix(id, "ledger ") {
			sum += row["amount"].(float64)
		}
	}
	first, second := rows["ledger 1"], rows["ledger 2"]
	if len(rows) != 10 || sum != 1000 || first == nil || second == nil || first["counter"] != second["counter"] {
		return fmt.Errorf("a checkpoint shows what never was: %v", rows)
	}
	counter := first["counter"].(float64)
	if counter < w.counter {
		return fmt.Errorf("a checkpoint shows counter %v, one before it %v", counter, w.counter)
	}
	w.counter = counter
	w.seen++
	return nil
}
