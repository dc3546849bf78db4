package service

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/weirsync/weir/cmd/internal/config"
)

// A limit of the system that the configured limits don't fit into is told, with both.
func TestTooFewFileDescriptors(t *testing.T) {
	cfg := config.Default()
	cfg.Sources, cfg.Snapshot.Workers, cfg.Clients.MaxConnections = make([]config.Source, 2), 4, 1000
	for limit, want := range map[uint64]string{1103: "limit=1103 needed=1104", 1104: ""} {
		var out bytes.Buffer
		checkFiles(cfg, limit, slog.New(slog.NewTextHandler(&out, nil)))
		if got := out.String(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("limit %d: %q, want %q", limit, got, want)
		}
	}
	if limit, err := fileLimit(); err != nil || limit == 0 {
		t.Errorf("limit %d, %v", limit, err)
	}
}
