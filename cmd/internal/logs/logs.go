package logs

import (
	"io"
	"log/slog"

	"github.com/weirsync/weir/cmd/internal/config"
)

// New returns a logger that writes to w, one line at a time.
func New(w io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if c.Format == config.LogJSON {
		handler = slog.NewJSONHandler(w, options)
	}
	return slog.New(&sparing{next: handler, repeats: newRepeats()})
}
