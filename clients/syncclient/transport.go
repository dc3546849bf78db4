package syncclient

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"github.com/weirsync/weir/clients/wire"
)

// lineMax is the longest line that is read.
const lineMax = 64 << 20

// post opens a stream over HTTP.
func (c *Client) post(ctx context.Context, token string, body []byte) (lines, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.opts.Endpoint+"/sync/stream", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", wire.BSON.ContentType()+";q=0.9,"+wire.JSON.ContentType()+";q=0.8")
	if c.opts.Transport == HTTPLines {
		req.Header.Set("Accept", wire.JSON.ContentType())
	}
	if !c.opts.Compress {
		req.Header.Set("Accept-Encoding", "identity") // else net/http asks for gzip
	}
	resp, err := c.do(req, token)
	if err != nil {
		return nil, err
	}
	in := &httpLines{body: resp.Body, r: bufio.NewReaderSize(resp.Body, 64<<10)}
	switch media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media {
	case wire.BSON.ContentType():
		in.read, in.decode = in.document, wire.DecodeBSON
	case wire.JSON.ContentType():
		in.read, in.decode = in.text, wire.DecodeJSON
	default:
		in.close()
		return nil, fmt.Errorf("server answers with media type %q", media)
	}
	return in, nil
}

// do sends a request. Any answer but 200 is a StatusError.
func (c *Client) do(req *http.Request, token string) (*http.Response, error) {
	req.Header.Set("Authorization", "Token "+token)
	req.Header.Set("X-User-Agent", "weir-syncclient")
	resp, err := c.opts.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	failure := &StatusError{Status: resp.StatusCode}
	var envelope struct {
		Error struct{ Code, Description string }
	}
	if text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16)); err == nil && json.Unmarshal(text, &envelope) == nil {
		failure.Code, failure.Text = envelope.Error.Code, envelope.Error.Description
	}
	return nil, failure
}

// httpLines reads lines off a response.
type httpLines struct {
	body   io.ReadCloser
	r      *bufio.Reader
	buf    []byte
	read   func() error // a line into buf
	decode func([]byte) (*wire.Line, error)
}

func (in *httpLines) close() { _ = in.body.Close() }

func (in *httpLines) next() (*wire.Line, int, error) {
	in.buf = in.buf[:0]
	if err := in.read(); err != nil {
		return nil, 0, err
	}
	line, err := in.decode(in.buf)
	return line, len(in.buf), err
}

// document reads a BSON document.
func (in *httpLines) document() error {
	var size [4]byte
	if _, err := io.ReadFull(in.r, size[:]); err != nil {
		return err
	}
	n := int(binary.LittleEndian.Uint32(size[:]))
	if n < 5 || n > lineMax {
		return fmt.Errorf("document of %d bytes", n)
	}
	if cap(in.buf) < n {
		in.buf = make([]byte, n)
	}
	in.buf = in.buf[:n]
	copy(in.buf, size[:])
	_, err := io.ReadFull(in.r, in.buf[4:])
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// text reads a line of NDJSON. The last one must end in LF too.
func (in *httpLines) text() error {
	for {
		part, err := in.r.ReadSlice('\n')
		in.buf = append(in.buf, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(in.buf) < lineMax:
			continue
		case errors.Is(err, io.EOF) && len(in.buf) > 0:
			return io.ErrUnexpectedEOF
		}
		return err
	}
}

// WriteCheckpoint asks for a write checkpoint: once Applied.WriteCheckpoint is at least the number returned, the client holds everything
// that was in the source database when it asked.
func (c *Client) WriteCheckpoint(ctx context.Context) (int64, error) {
	token, err := c.opts.Token(ctx)
	if err != nil {
		return 0, fmt.Errorf("get a token: %w", err)
	}
	query := url.Values{}
	if c.opts.ClientID != "" {
		query.Set("client_id", c.opts.ClientID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.opts.Endpoint+"/write-checkpoint2.json?"+query.Encode(), nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.do(req, token)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Data struct {
			ID string `json:"write_checkpoint"`
		} `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("read write checkpoint: %w", err)
	}
	return strconv.ParseInt(answer.Data.ID, 10, 64)
}
