package replicator

import (
	"os"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

func TestMain(m *testing.M) {
	if order := os.Getenv(victimVar); order != "" {
		runVictim(order)
	}
	pgtest.Main(m)
}
