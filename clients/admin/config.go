package admin

import (
	"log/slog"

	"github.com/weirsync/weir/buckets"
)

// Config of a Server. Store, Rules, Sources, Replication and Memory are needed.
type Config struct {
	Tokens      []string // any of them opens the routes; none: they are closed
	Store       *buckets.Store
	Rules       Rules
	Sources     Sources
	Replication Replication
	Memory      func() MemoryStatus
	RulesFile   bool         // the configuration names a rules file: PowerSync's tools may not deploy then, as with its own service
	Logger      *slog.Logger // discards by default
}
