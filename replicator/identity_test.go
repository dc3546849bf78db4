package replicator

import (
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestReplicaIdentities: a workload of key changes, swaps and unchanged TOAST under a snapshot and behind it, for each identity that lets
// rows be changed. What a table without a key has besides: TestEqualRows, TestInsertOnlyTable.
func TestReplicaIdentities(t *testing.T) {
	for name, ddl := range map[string]string{
		"full with a key": "ALTER TABLE accounts REPLICA IDENTITY FULL; ALTER TABLE pairs REPLICA IDENTITY FULL",
		"full without":    "ALTER TABLE accounts REPLICA IDENTITY FULL; ALTER TABLE pairs REPLICA IDENTITY FULL, DROP CONSTRAINT pairs_pkey, ADD UNIQUE (a, b)",
		"covering key":    "ALTER TABLE accounts DROP CONSTRAINT accounts_pkey, ADD PRIMARY KEY (id) INCLUDE (owner)",
		"index": `ALTER TABLE accounts ALTER owner SET NOT NULL; CREATE UNIQUE INDEX by_owner ON accounts (owner, id);
			ALTER TABLE accounts REPLICA IDENTITY USING INDEX by_owner`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			modes(t, func(t *testing.T, mode func(*Config)) {
				d := pgtest.New(t)
				d.Exec(bankTables + ddl)
				w := newWorld(t, d, bankRules, mode)
				stop := workload(t, d, seedOf(t), randomTransaction)
				w.start()
				w.settle()
				w.stop()
				w.start()
				w.settle()
				stop()
				w.compare(bankTruth...)
			})
		})
	}
}
