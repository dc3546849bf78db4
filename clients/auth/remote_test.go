package auth

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// endpoint is an identity provider: a real server whose answers can change.
type endpoint struct {
	*httptest.Server
	hits    atomic.Int64
	handler atomic.Pointer[http.HandlerFunc]
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.hits.Add(1)
	(*e.handler.Load())(w, r)
}

func (e *endpoint) answer(h http.HandlerFunc) { e.handler.Store(&h) }

// publish answers with these keys from now on.
func (e *endpoint) publish(keys ...JWK) {
	text := must(json.Marshal(map[string]any{"keys": append([]JWK{}, keys...)}))
	e.answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
}

func (e *endpoint) fail() {
	e.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
}

func newEndpoint(t testing.TB, keys ...JWK) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.publish(keys...)
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

var loopback = Addresses{Allow: prefixes("127.0.0.0/8", "::1/128")}

// run starts a verifier of these URIs. hurry changes its timing.
func run(t testing.TB, cfg Config, hurry func(*timing)) *Verifier {
	t.Helper()
	cfg.Audience, cfg.Now = []string{"weir"}, func() time.Time { return now }
	cfg.timing = timingDefault
	cfg.timing.patience = 30 * time.Second // as long as a busy machine needs
	if hurry != nil {
		hurry(&cfg.timing)
	}
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = v.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return v
}

func uris(endpoints ...*endpoint) Config {
	cfg := Config{Addresses: loopback}
	for _, e := range endpoints {
		cfg.URIs = append(cfg.URIs, e.URL)
	}
	return cfg
}

// eventually polls until the token's code is want.
func eventually(t testing.TB, v *Verifier, token, want string) {
	t.Helper()
	late := time.Now().Add(30 * time.Second)
	for got := code(t, v, token); got != want; got = code(t, v, token) {
		if time.Now().After(late) {
			t.Fatalf("code is %q and does not become %q", got, want)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestPoint57_RotatedKeysAreAccepted(t *testing.T) {
	before, after := pairs()[1], pairs()[4]
	e := newEndpoint(t, before.jwk)
	v := run(t, uris(e), nil)
	if got := code(t, v, before.sign(t, before.jwk.Kid)); got != "" {
		t.Fatalf("first key: got %q", got)
	}
	e.publish(after.jwk)
	if got := code(t, v, after.sign(t, after.jwk.Kid)); got != "" {
		t.Errorf("rotated key: got %q", got)
	}
	if got := code(t, v, before.sign(t, before.jwk.Kid)); got != codeInvalid {
		t.Errorf("key that is gone: got %q, want %q", got, codeInvalid)
	}
	for _, p := range []pair{after, pairs()[0]} {
		kidless := p.jwk
		kidless.Kid = ""
		e.publish(kidless)
		if got := code(t, v, p.sign(t, "")); got != "" {
			t.Errorf("rotated %s key without kid: got %q", p.jwk.Kty, got)
		}
	}
}

func TestPoint57_OnlyKeysThatVerifyComeFromURIs(t *testing.T) {
	oct := secret
	oct.Kid = "oct"
	good, ec, ed := pairs()[0], pairs()[1], pairs()[4]
	text := must(json.Marshal(map[string]any{"keys": []any{
		oct, 5,
		map[string]any{"kty": "EC", "crv": "secp256k1"},
		map[string]any{"kty": "EC", "kid": ec.jwk.Kid, "crv": ec.jwk.Crv, "x": ec.jwk.X, "y": ec.jwk.Y, "use": "enc"},
		map[string]any{"kty": "OKP", "kid": ed.jwk.Kid, "crv": ed.jwk.Crv, "x": ed.jwk.X, "key_ops": []string{"sign"}},
		map[string]any{"kty": "RSA", "kid": good.jwk.Kid, "n": good.jwk.N, "e": good.jwk.E, "use": "sig", "key_ops": []string{"verify"}},
	}}))
	e := newEndpoint(t)
	e.answer(func(w http.ResponseWriter, r *http.Request) {
		if accept := r.Header.Get("Accept"); accept != "application/json" {
			t.Errorf("Accept is %q", accept)
		}
		_, _ = w.Write(text)
	})
	v := run(t, uris(e), nil)
	if got := code(t, v, sign(t, oct, claims())); got != codeInvalid {
		t.Errorf("secret of a URI: got %q", got)
	}
	for _, p := range []pair{ec, ed} {
		if got := code(t, v, p.sign(t, p.jwk.Kid)); got != codeInvalid {
			t.Errorf("key of another use, %s: got %q", p.jwk.Kid, got)
		}
	}
	if got := code(t, v, good.sign(t, good.jwk.Kid)); got != "" {
		t.Errorf("good key beside them: got %q", got)
	}
}

func TestOutageAtStart(t *testing.T) {
	p := pairs()[1]
	e := newEndpoint(t)
	e.fail()
	v := run(t, uris(e), func(w *timing) { w.retry, w.retryMax = time.Millisecond, time.Millisecond })
	token := p.sign(t, p.jwk.Kid)
	if got := code(t, v, token); got != codeFetch {
		t.Errorf("during the outage: got %q, want %q", got, codeFetch)
	}
	e.publish(p.jwk)
	eventually(t, v, token, "")
}

func TestKeysOutliveAnOutageForAWhile(t *testing.T) {
	known, other := pairs()[1], pairs()[4]
	e := newEndpoint(t, known.jwk)
	hurry := func(w *timing) { w.refresh, w.retry, w.retryMax = time.Millisecond, time.Millisecond, time.Millisecond }
	v := run(t, uris(e), hurry)
	if got := code(t, v, known.sign(t, known.jwk.Kid)); got != "" {
		t.Fatalf("before the outage: got %q", got)
	}
	e.fail()
	eventually(t, v, other.sign(t, other.jwk.Kid), codeFetch)
	if got := code(t, v, known.sign(t, known.jwk.Kid)); got != "" {
		t.Errorf("known key during the outage: got %q", got)
	}
	short := newEndpoint(t, known.jwk)
	v = run(t, uris(short), func(w *timing) { hurry(w); w.unusable = 200 * time.Millisecond })
	eventually(t, v, known.sign(t, known.jwk.Kid), "")
	short.fail()
	eventually(t, v, known.sign(t, known.jwk.Kid), codeFetch)
}

func TestKeysAreRefreshedInTheBackground(t *testing.T) {
	p := pairs()[1]
	e := newEndpoint(t, p.jwk)
	v := run(t, uris(e), func(w *timing) { w.refresh = time.Millisecond })
	eventually(t, v, p.sign(t, p.jwk.Kid), "")
	e.publish() // all revoked
	eventually(t, v, p.sign(t, p.jwk.Kid), codeInvalid)
}

func TestSeveralURIs(t *testing.T) {
	a, b := pairs()[1], pairs()[4]
	down, one, two := newEndpoint(t), newEndpoint(t, a.jwk), newEndpoint(t, b.jwk)
	down.Close()
	cfg := uris(down, one, two)
	cfg.Keys = []JWK{secret}
	v := run(t, cfg, nil)
	for _, token := range []string{a.sign(t, a.jwk.Kid), b.sign(t, b.jwk.Kid), sign(t, secret, claims())} {
		if got := code(t, v, token); got != "" {
			t.Errorf("got %q", got)
		}
	}
}

// Anybody can make tokens with unknown keys. They must not become requests to the identity provider.
func TestUnknownKeysAskForFewFetches(t *testing.T) {
	p := pairs()[1]
	e := newEndpoint(t, p.jwk)
	v := run(t, uris(e), nil)
	for i := range 100 {
		if got := code(t, v, p.sign(t, fmt.Sprint("unknown", i))); got != codeInvalid {
			t.Fatalf("got %q", got)
		}
	}
	if hits := e.hits.Load(); hits > askBurst+1 {
		t.Errorf("%d fetches for 100 tokens, want at most %d", hits, askBurst+1)
	}
	if got := code(t, v, p.sign(t, p.jwk.Kid)); got != "" {
		t.Errorf("known key afterwards: got %q", got)
	}
}

func TestTokensShareAFetch(t *testing.T) {
	p := pairs()[1]
	e := newEndpoint(t)
	release := make(chan struct{})
	text := must(json.Marshal(map[string]any{"keys": []JWK{p.jwk}}))
	e.answer(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = w.Write(text)
	})
	v := run(t, uris(e), nil)
	var tokens sync.WaitGroup
	for range 20 {
		tokens.Go(func() {
			if got := code(t, v, p.sign(t, p.jwk.Kid)); got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
	for e.hits.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	tokens.Wait()
	if hits := e.hits.Load(); hits != 1 {
		t.Errorf("%d fetches, want 1", hits)
	}
}

func TestFaultsOfURIsHaveTheirCodes(t *testing.T) {
	p := pairs()[1]
	hidden := newEndpoint(t, p.jwk)
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	for _, tt := range []struct {
		name, want, cause string
		handler           http.HandlerFunc
		uri               string
		addresses         Addresses
	}{
		{"status 500", codeFetch, "500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "", loopback},
		{"no JSON", codeFetch, "no JWK set", write("<html>"), "", loopback},
		{"no keys", codeFetch, `no "keys"`, write(`{}`), "", loopback},
		{"keys is no list", codeFetch, "no JWK set", write(`{"keys":5}`), "", loopback},
		{"too many keys", codeFetch, "201 keys", write(`{"keys":[` + strings.Repeat("{},", 200) + `{}]}`), "", loopback},
		{"oversized", codeFetch, "longer than", write(strings.Repeat(" ", answerMax) + `{"keys":[]}`), "", loopback},
		{"endless headers", codeFetch, "header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*headersMax))
		}, "", loopback},
		{"endless body", codeFetch, "longer than", func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, "", loopback},
		{"cut off", codeFetch, "read answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"keys":[`)
		}, "", loopback},
		{"slow", codeFetch, "deadline", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", loopback},
		{"redirect", codeFetch, "redirects are not followed", redirect(hidden.URL), "", loopback},
		{"redirect to a private address", codeFetch, "redirects are not followed", redirect("http://10.0.0.1/"), "", loopback},
		{"private address", codeAddress, "is local", nil, "http://10.0.0.1/keys", loopback},
		{"metadata of a cloud", codeAddress, "is local", nil, "http://169.254.169.254/", loopback},
		{"local address by number", codeAddress, "is local", nil, hidden.URL, Addresses{}},
		{"local address by name", codeAddress, "is local", nil, strings.Replace(hidden.URL, "127.0.0.1", "localhost", 1), Addresses{}},
		{"rejected range", codeAddress, "rejected", nil, hidden.URL, Addresses{AllowLocal: true, Reject: prefixes("127.0.0.0/8")}},
		{"nobody listens", codeFetch, "refused", nil, "http://127.0.0.1:1/", loopback},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.handler != nil {
				e := newEndpoint(t)
				e.answer(tt.handler)
				tt.uri = e.URL
			}
			v := run(t, Config{URIs: []string{tt.uri + "?apikey=hunter2"}, Addresses: tt.addresses}, func(w *timing) { w.timeout = 2 * time.Second })
			_, err := v.Verify(t.Context(), p.sign(t, p.jwk.Kid))
			var own *Error
			if !errors.As(err, &own) || own.Code != tt.want || !strings.Contains(fmt.Sprint(own.Cause), tt.cause) {
				t.Errorf("got %v, caused by %v; want %s and a cause with %q", err, errors.Unwrap(err), tt.want, tt.cause)
			}
			if shown := fmt.Sprint(err, errors.Unwrap(err)); strings.Contains(shown, "hunter2") {
				t.Errorf("error shows the query of the URI: %s", shown)
			}
		})
	}
	if hits := hidden.hits.Load(); hits != 0 {
		t.Errorf("%d requests reached a server that must not be asked", hits)
	}
}

// A token waits for keys, but not long, and not beyond its request.
func TestTokensDoNotWaitForASlowServer(t *testing.T) {
	p := pairs()[1]
	e := newEndpoint(t)
	e.answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	v := run(t, uris(e), func(w *timing) { w.patience = 10 * time.Millisecond })
	if got := code(t, v, p.sign(t, p.jwk.Kid)); got != codeFetch {
		t.Errorf("got %q, want %q", got, codeFetch)
	}
	v = run(t, uris(e), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(ctx, p.sign(t, p.jwk.Kid)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled request: got %v", err)
	}
}

func TestKeysOverTLS(t *testing.T) {
	p := pairs()[1]
	e := &endpoint{}
	e.publish(p.jwk)
	server := httptest.NewUnstartedServer(e)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	t.Cleanup(server.Close)
	cfg := Config{URIs: []string{server.URL}, Addresses: loopback}
	if got := code(t, run(t, cfg, nil), p.sign(t, p.jwk.Kid)); got != codeFetch || e.hits.Load() != 0 {
		t.Errorf("unknown authority: got %q, want %q", got, codeFetch)
	}
	cfg.roots = x509.NewCertPool()
	cfg.roots.AddCert(server.Certificate())
	if got := code(t, run(t, cfg, nil), p.sign(t, p.jwk.Kid)); got != "" {
		t.Errorf("known authority: got %q", got)
	}
}

func TestSupabase(t *testing.T) {
	const text = "not base64url: the text itself is the secret"
	p := pairs()[1]
	e := newEndpoint(t, p.jwk)
	cfg := Config{Keys: []JWK{secret}, Addresses: loopback, Supabase: Supabase{URI: e.URL, Secret: text}}
	v := run(t, cfg, nil)
	legacy := JWK{Kty: "oct", Alg: "HS256", K: encode([]byte(text))}
	week := now.Unix() + 7*24*3600 + 1200
	for _, tt := range []struct {
		name  string
		token string
		want  string
	}{
		{"secret", sign(t, legacy, claims("aud", "authenticated")), ""},
		{"a week", sign(t, legacy, claims("aud", "authenticated", "exp", week)), ""},
		{"over a week", sign(t, legacy, claims("aud", "authenticated", "exp", week+1)), codeLifetime},
		{"configured audience", sign(t, legacy, claims()), codeAudience},
		{"other algorithm", sign(t, JWK{Kty: "oct", Alg: "HS512", K: legacy.K}, claims("aud", "authenticated")), codeInvalid},
		{"audience of Supabase with another key", sign(t, secret, claims("aud", "authenticated")), codeAudience},
		{"a week with another key", sign(t, secret, claims("exp", week)), codeLifetime},
		{"key of the URI, configured audience", p.sign(t, p.jwk.Kid), codeAudience},
	} {
		if got := code(t, v, tt.token); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNoKeysConfigured(t *testing.T) {
	if got := code(t, newVerifier(t), sign(t, secret, claims())); got != codeNoKeys {
		t.Errorf("got %q, want %q", got, codeNoKeys)
	}
}

func TestWeakConfigurationIsLogged(t *testing.T) {
	for want, cfg := range map[string]Config{
		"":           {Keys: []JWK{{Kty: "oct", Alg: "HS256", K: encode(make([]byte, 32))}}, URIs: []string{"https://a/"}},
		"RFC 7518":   {Keys: []JWK{{Kty: "oct", Alg: "HS512", K: encode(make([]byte, 63))}}},
		"secret":     {Supabase: Supabase{Secret: "short"}},
		"plain HTTP": {URIs: []string{"http://a/"}},
	} {
		var log bytes.Buffer
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		if _, err := New(cfg); err != nil {
			t.Fatal(err)
		}
		if got := log.String(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
	}
}

func TestEmptyURIListRuns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if diff := cmp.Diff(nil, newVerifier(t, secret).Run(ctx)); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"oct","alg":"HS256","k":"AAAA"},5]}`))
	f.Add(must(json.Marshal(map[string]any{"keys": []JWK{pairs()[0].jwk, pairs()[4].jwk}})))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseSet(text, slog.New(slog.DiscardHandler))
		for _, key := range keys {
			if _, symmetric := key.Material.([]byte); symmetric || len(key.Algorithms) == 0 || err != nil {
				t.Errorf("%q gives %+v, %v", text, key, err)
			}
		}
	})
}
