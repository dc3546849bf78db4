package clients

import (
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/weirsync/weir/clients/outbox"
)

// response is the sender of an HTTP stream.
type response struct {
	conn       net.Conn // nil if not known
	body       io.Writer
	control    *http.ResponseController
	compressor compressor // nil for none
	held       *buffer    // lines that wait to be compressed together; nil if there are none
	written    bool       // something was written and not flushed
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
	out := &response{control: http.NewResponseController(w), compressor: newCompressor(encoding)}
	out.conn, _ = r.Context().Value(connKey{}).(net.Conn)
	out.body = &patientWriter{w: w, conn: out.conn, control: out.control, timeout: s.cfg.WriteTimeout}
	w.WriteHeader(http.StatusOK)
	_ = out.control.Flush() // an error will come again with the first line
	return out
}

// Ready is always ready: TCP holds back a client that is too slow.
func (out *response) Ready(ctx context.Context) error { return ctx.Err() }

// Room is that of the connection.
func (out *response) Room() (lines, bytes int) { return math.MaxInt, outbox.Room(out.conn) }

// Send sends the line and flushes it.
func (out *response) Send(ctx context.Context, line []byte) error {
	if err := out.Hold(ctx, line); err != nil {
		return err
	}
	return out.Flush()
}

// heldMax is how many bytes wait at most to be compressed.
const heldMax = 8 << 10

// Hold writes the line, without making sure that it leaves.
func (out *response) Hold(_ context.Context, line []byte) error {
	if out.compressor == nil {
		return out.write(line)
	}
	if out.held != nil && len(out.held.b)+len(line) > heldMax {
		if err := out.compressHeld(); err != nil {
			return err
		}
	}
	if len(line) > heldMax {
		return out.compress(line)
	}
	if out.held == nil {
		out.held = getBuffer(heldMax)
	}
	out.held.b = append(out.held.b, line...)
	return nil
}

// compressHeld writes what is held, compressed.
func (out *response) compressHeld() error {
	if out.held == nil {
		return nil
	}
	buf := getBuffer(len(out.held.b))
	defer buf.put()
	buf.b = out.compressor.piece(buf.b, out.held.b)
	out.held.put() // before the client can keep us waiting
	out.held = nil
	return out.write(buf.b)
}

// compress writes the line compressed.
func (out *response) compress(line []byte) error {
	buf := getBuffer(len(line))
	defer buf.put()
	buf.b = out.compressor.piece(buf.b, line)
	return out.write(buf.b)
}

func (out *response) write(b []byte) error {
	out.written = true
	_, err := out.body.Write(b)
	return gone(err)
}

// Flush sends what was held.
func (out *response) Flush() error {
	if err := out.compressHeld(); err != nil || !out.written {
		return err
	}
	out.written = false
	return gone(out.control.Flush())
}

// finish ends the body as it should end.
func (out *response) finish() error {
	if err := out.compressHeld(); err != nil {
		return err
	}
	if out.compressor != nil {
		if err := out.write(out.compressor.end(nil)); err != nil {
			return err
		}
	}
	return gone(out.control.SetWriteDeadline(time.Time{}))
}

// patientWriter gives up on a client that takes nothing for timeout, however slowly it takes the rest.
type patientWriter struct {
	w       io.Writer
	conn    net.Conn
	control *http.ResponseController
	timeout time.Duration
}

// Write writes b in chunks, each with a deadline of its own.
func (p *patientWriter) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		chunk := outbox.Chunk(p.conn, len(b)-n)
		if err = p.control.SetWriteDeadline(time.Now().Add(p.timeout)); err != nil {
			return n, err
		}
		var m int
		m, err = p.w.Write(b[n : n+chunk])
		n += m
	}
	return n, err
}
