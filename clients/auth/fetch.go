package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
)

// Limits of an answer. Whoever gives keys is trusted with the tokens, but not with our memory.
const (
	answerMax  = 1 << 20
	headersMax = 64 << 10
	keysMax    = 200
)

const fetchFailed = "JWKS request failed"

// fetcher fetches key sets.
type fetcher struct {
	client *http.Client
	log    *slog.Logger
}

// newFetcher returns one that keeps to addresses. roots are the trusted authorities, nil for the machine's.
func newFetcher(addresses Addresses, roots *x509.CertPool, log *slog.Logger) *fetcher {
	dialer := &net.Dialer{Control: addresses.control}
	return &fetcher{log: log, client: &http.Client{
		Transport: &http.Transport{
			// No proxy: it would look the host up itself, out of reach of addresses.
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots},
			ForceAttemptHTTP2: true, DisableKeepAlives: true, MaxResponseHeaderBytes: headersMax,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// fetch gets the usable keys at uri. Errors are *Error.
func (f *fetcher) fetch(ctx context.Context, uri string) ([]Key, error) {
	text, err := f.get(ctx, uri)
	if err != nil {
		var refused *refusedAddressError
		if errors.As(err, &refused) {
			return nil, &Error{Code: codeAddress, Text: "JWKS request refused", Cause: refused}
		}
		return nil, &Error{Code: codeFetch, Text: fetchFailed, Cause: err}
	}
	keys, err := parseSet(text, f.log.With("host", hostOf(uri)))
	if err != nil {
		return nil, &Error{Code: codeFetch, Text: fetchFailed, Cause: err}
	}
	return keys, nil
}

func (f *fetcher) get(ctx context.Context, uri string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, bare(err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := f.client.Do(req)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return nil, fmt.Errorf("answer is %s, and redirects are not followed: configure the address it leads to", res.Status)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("answer is %s", res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, answerMax+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(text) > answerMax {
		return nil, fmt.Errorf("answer is longer than %d bytes", answerMax)
	}
	return text, nil
}

// bare takes the URI out of an error: its query can be a secret.
func bare(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

// remoteKey is a JWK with what only those of a URI may say.
type remoteKey struct {
	JWK
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"`
}

// parseSet reads a JWK set. Keys that can't verify tokens are left out: a set may have others for other purposes. An empty set is
// valid: all its keys are revoked.
func parseSet(text []byte, log *slog.Logger) ([]Key, error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("answer is no JWK set") // err can repeat parts of it
	}
	if set.Keys == nil {
		return nil, errors.New(`answer is no JWK set: it has no "keys"`)
	}
	if len(*set.Keys) > keysMax {
		return nil, fmt.Errorf("answer has %d keys, more than %d", len(*set.Keys), keysMax)
	}
	var keys []Key
	for i, raw := range *set.Keys {
		key, err := parseRemote(raw)
		if err != nil {
			log.Debug("key of a URI is left out", "index", i, "reason", err)
			continue
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parseRemote(raw json.RawMessage) (Key, error) {
	var key remoteKey
	switch err := json.Unmarshal(raw, &key); {
	case err != nil:
		return Key{}, errors.New("it is no JWK")
	case key.Kty == "oct":
		return Key{}, errors.New("it is a secret, which nobody may publish")
	case key.Use != "" && key.Use != "sig":
		return Key{}, errors.New("its use is not sig")
	case key.KeyOps != nil && !slices.Contains(key.KeyOps, "verify"):
		return Key{}, errors.New("its key_ops lack verify")
	}
	return key.parse()
}

// hostOf is what of a URI may be logged.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Host
}
