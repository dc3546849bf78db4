package adminclient

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// eventMax bounds a line of an event stream.
const eventMax = 16 << 20

// Events calls each for every server-sent event of a route, until the stream ends or each returns an error, which Events returns.
func (c *Client) Events(ctx context.Context, path string, each func(name string, data []byte) error) error {
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	err = readEvents(resp.Body, each)
	var broken *brokenError
	if errors.As(err, &broken) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &UnreachableError{c.endpoint, broken.err}
	}
	return err
}

// brokenError says that the connection failed.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }

// readEvents reads events whose data is one line, as weir's is.
func readEvents(r io.Reader, each func(name string, data []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, eventMax)
	var name, data string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && data != "":
			if err := each(name, []byte(data)); err != nil {
				return err
			}
			name, data = "", ""
		case field == "event":
			name = value
		case field == "data":
			data = value
		}
	}
	if err := lines.Err(); err != nil {
		return &brokenError{err}
	}
	return nil
}
