package service

import (
	"log/slog"
	"syscall"

	"github.com/weirsync/weir/cmd/internal/config"
)

const (
	filesOwn    = 64 // store, listeners, log, keys, what the runtime opens
	filesSource = 16 // connections to a source beside those of its snapshots' workers
)

// filesNeeded is how many file descriptors the configured limits may take.
func filesNeeded(cfg *config.Config) uint64 {
	return uint64(filesOwn + len(cfg.Sources)*(filesSource+cfg.Snapshot.Workers) + cfg.Clients.MaxConnections)
}

// checkFiles warns of a limit of the system below those of the configuration: clients would be refused at some hour of the day. The
// runtime has raised the soft limit to the hard one already.
func checkFiles(cfg *config.Config, limit uint64, log *slog.Logger) {
	if need := filesNeeded(cfg); limit < need {
		log.Warn("there are too few file descriptors for all clients: raise the limit (ulimit -n, LimitNOFILE=), or lower clients.max_connections",
			"limit", limit, "needed", need)
	}
}

// fileLimit is how many descriptors the process may have.
func fileLimit() (uint64, error) {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return r.Cur, err
}
