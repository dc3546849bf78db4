package clients

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// response is the sender of an HTTP stream.
type response struct {
	body       io.Writer // the compressor, or the connection
	compressor compressor
	control    *http.ResponseController
	held       bool // something was written and not flushed
}

// compressor is what gzip and zstd have in common.
type compressor interface {
	io.WriteCloser
	Flush() error
}

// startResponse sends the response head, at once: clients count as connected from then on.
func (s *Server) startResponse(w http.ResponseWriter, r *http.Request, contentType string) *response {
	encoding := contentEncoding(r.Header)
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Accel-Buffering", "no")
	h.Set("Vary", "Accept, Accept-Encoding")
	h.Set("Cache-Control", "no-store, no-transform")
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	out := &response{control: http.NewResponseController(w)}
	out.body = &patientWriter{w: w, control: out.control, timeout: s.cfg.WriteTimeout}
	if out.compressor = compress(encoding, out.body); out.compressor != nil {
		out.body = out.compressor
	}
	w.WriteHeader(http.StatusOK)
	_ = out.control.Flush() // an error will come again with the first line
	return out
}

// compress returns a compressor for the encoding, nil for none. There is one for each of thousands of streams, nearly all of them idle:
// gzip keeps no memory between lines, zstd has a small window. A page is long enough to compress well by itself.
func compress(encoding string, w io.Writer) compressor {
	switch encoding {
	case "gzip":
		z, err := gzip.NewWriterLevel(w, gzip.StatelessCompression)
		if err != nil {
			panic(err) // the level is constant
		}
		return z
	case "zstd":
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
		if err != nil {
			panic(err) // options are constant
		}
		return z
	}
	return nil
}

// Ready is always ready: TCP holds back a client that is too slow.
func (out *response) Ready(ctx context.Context) error { return ctx.Err() }

// Send sends the line and flushes it.
func (out *response) Send(ctx context.Context, line []byte) error {
	if err := out.Hold(ctx, line); err != nil {
		return err
	}
	return out.Flush()
}

// Hold writes the line, without making sure that it leaves.
func (out *response) Hold(_ context.Context, line []byte) error {
	out.held = true
	_, err := out.body.Write(line)
	return err
}

// Flush sends what was held.
func (out *response) Flush() error {
	if !out.held {
		return nil
	}
	out.held = false
	if out.compressor != nil {
		if err := out.compressor.Flush(); err != nil {
			return err
		}
	}
	return out.control.Flush()
}

// finish ends the body as it should end.
func (out *response) finish() error {
	if out.compressor != nil {
		if err := out.compressor.Close(); err != nil {
			return err
		}
	}
	return out.control.SetWriteDeadline(time.Time{})
}

// patientWriter gives up on a client that takes nothing for timeout, however slowly it takes the rest.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
	timeout time.Duration
}

// patientChunk is how much a client must take within the timeout.
const patientChunk = 64 << 10

// Write writes p in chunks, each with a deadline of its own.
func (p *patientWriter) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		if err = p.control.SetWriteDeadline(time.Now().Add(p.timeout)); err != nil {
			return n, err
		}
		var m int
		m, err = p.w.Write(b[n:min(n+patientChunk, len(b))])
		n += m
	}
	return n, err
}
