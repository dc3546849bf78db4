package clients_test

import (
	"fmt"
	"testing"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/clientstest"
)

// What a session reads after a commit must not grow with the buckets that its client has.
func TestLookCostsWhatChanged(t *testing.T) {
	costs := map[int]float64{}
	for _, n := range []int{10, 900} {
		store := clientstest.NewStore(t)
		members, items := store.Table("members", "id", "person", "grp"), store.Table("items", "id", "grp", "name")
		store.Deploy(definitions + byMembership)
		var changes []clientstest.Change
		for i := range n {
			changes = append(changes, members.Insert(fmt.Sprint(i), "u1", fmt.Sprint(i)), items.Insert(fmt.Sprint(i), fmt.Sprint(i), "x"))
		}
		store.Commit(changes...)
		costs[n] = clients.CostOfLook(t, clients.Config{Store: store.Store}, "u1", n/2)
	}
	if costs[900] > costs[10]+2 {
		t.Errorf("allocations of a look, by the number of buckets: %v", costs)
	}
}
