// Package adminclient calls the admin API of a running weir.
package adminclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Client calls one weir. Its methods are safe for concurrent use.
type Client struct {
	endpoint string // URL without a trailing slash
	token    string
	http     *http.Client
}

// New returns a client of the weir at endpoint, which is a URL. trusted is how its certificate is verified, nil for the usual way.
func New(endpoint, token string, trusted *tls.Config) *Client {
	// Not the default transport, whose idle connections outlive the client.
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: trusted}
	return &Client{endpoint: strings.TrimRight(endpoint, "/"), token: token, http: &http.Client{Transport: transport}}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is weir's answer that it won't.
type Error struct {
	Status  int
	Code    string // stable; "" if the answer was not weir's
	Text    string
	Details string
}

func (e *Error) Error() string {
	text := e.Text
	if e.Details != "" {
		text += ": " + e.Details
	}
	if e.Status == http.StatusUnauthorized {
		return text + "\n  = give a token of weir's api.tokens with --api-token, as WEIR_API_TOKEN, or in the configuration file"
	}
	return strings.TrimSpace(text + " " + e.Code)
}

// UnreachableError says that nobody answers at the endpoint.
type UnreachableError struct {
	Endpoint string
	Err      error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("weir can't be reached at %s: %v\n  = start it with weir serve, or name its address with --endpoint", e.Endpoint, e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Get reads the result of a route into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, nil, out)
}

// Post sends in as JSON and reads the result into out, unless that is nil.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.call(ctx, http.MethodPost, path, body, out)
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, out any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return &UnreachableError{c.endpoint, err}
	}
	if out == nil {
		return nil
	}
	envelope := struct{ Data any }{out}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// send makes a request. The answer is a good one.
func (c *Client) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", c.endpoint, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &UnreachableError{c.endpoint, errors.Unwrap(err)} // without the URL, which is in Endpoint
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close() //nolint:errcheck // an error is an error
	return nil, refusal(resp)
}

// refusalMax is how much of an error is read.
const refusalMax = 1 << 20

func refusal(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, refusalMax))
	var body struct {
		Error struct{ Code, Description, Details string }
	}
	if err != nil || json.Unmarshal(text, &body) != nil || body.Error.Code == "" {
		return &Error{Status: resp.StatusCode, Text: "the answer " + resp.Status + " is not that of a weir"}
	}
	return &Error{Status: resp.StatusCode, Code: body.Error.Code, Text: body.Error.Description, Details: body.Error.Details}
}
