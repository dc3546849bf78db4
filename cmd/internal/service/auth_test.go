package service

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weirsync/weir/cmd/internal/config"
)

// Keys of auth.jwks_uri reach the server, and only from an address that the configuration allows.
func TestKeysComeFromTheConfiguredURI(t *testing.T) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	x := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":%q}]}`, x)
	}))
	t.Cleanup(keys.Close)
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"sub": "u1", "aud": "weir", "iat": time.Now().Unix(), "exp": time.Now().Unix() + 60,
	})
	token.Header["kid"] = "k"
	signed, err := token.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	for want, allowed := range map[string][]config.AddressRange{"PSYNC_S2302": {"127.0.0.1/32"}, "PSYNC_S2203": nil} {
		cfg := newConfig(t, "", "")
		cfg.Sources, cfg.Rules.Path = nil, "" // a good token then finds no rules
		cfg.Auth = config.Auth{
			Audience: []string{"weir"}, JWKSURI: []config.KeyURI{config.KeyURI(keys.URL)}, BlockLocalJWKS: true, AllowIPRanges: allowed,
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, run(t, cfg)+"/sync/stream", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+signed)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("allowed %v: got %s, %v, want %s", allowed, text, err, want)
		}
	}
}
