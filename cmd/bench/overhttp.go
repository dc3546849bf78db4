package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/klauspost/compress/gzip"

	"github.com/weirsync/weir/clients/wire"
)

// httpStream is a stream over HTTP. Each has a connection of its own, as each device has.
type httpStream struct {
	lineReader
	body      io.Closer
	transport *http.Transport
}

func (s *httpStream) close() {
	_ = s.body.Close() // in the middle of a stream
	s.transport.CloseIdleConnections()
}

// openHTTP opens a stream. encoding is the Accept-Encoding, "" for none.
func openHTTP(ctx context.Context, url, token string, body []byte, format wire.Format, encoding string) (syncStream, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/sync/stream", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", format.ContentType())
	if encoding != "" {
		req.Header.Set("Accept-Encoding", encoding)
	}
	transport := &http.Transport{DisableCompression: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	s := &httpStream{body: resp.Body, transport: transport}
	if resp.StatusCode != http.StatusOK {
		s.close()
		return nil, &refusedError{resp.Status}
	}
	var content io.Reader = resp.Body
	if got := resp.Header.Get("Content-Encoding"); got == "gzip" {
		if content, err = gzip.NewReader(resp.Body); err != nil {
			s.close()
			return nil, fmt.Errorf("open stream: %w", err)
		}
	}
	if s.lineReader = newJSONLines(content); format == wire.BSON {
		s.lineReader = newBSONLines(content)
	}
	return s, nil
}

// refusedError is returned when the server does not open a stream.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return "the server refuses the stream: " + e.reason }
