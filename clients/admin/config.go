package admin

import (
	"log/slog"

	"github.com/weirsync/weir/buckets"
)

// Config of a Server. Store is needed.
type Config struct {
	Tokens []string // any of them opens the routes; none: they are closed
	Store  *buckets.Store
	Logger *slog.Logger // discards by default
}
