package admin

import (
	"log/slog"

	"github.com/weirsync/weir/buckets"
)

// Config of a Server. Store, Rules and Sources are needed.
type Config struct {
	Tokens    []string // any of them opens the routes; none: they are closed
	Store     *buckets.Store
	Rules     Rules
	Sources   Sources
	RulesFile bool         // the configuration names a rules file: PowerSync's tools may not deploy then, as with its own service
	Logger    *slog.Logger // discards by default
}
