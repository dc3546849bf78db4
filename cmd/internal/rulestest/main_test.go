package rulestest

import (
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
