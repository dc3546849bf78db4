package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/auth"
)

const secretKey = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"

// token runs weir token and returns what it prints.
func token(t *testing.T, args ...string) string {
	t.Helper()
	code, out, faults := runCommand(t, "", append([]string{"token"}, args...)...)
	if code != exitOK {
		t.Fatalf("weir token: exit %d: %s", code, faults)
	}
	return strings.TrimSpace(out)
}

// payload verifies a token and returns its claims.
func payload(t *testing.T, token string, key auth.JWK) map[string]any {
	t.Helper()
	v, err := auth.New(auth.Config{Audience: []string{"weir"}, Keys: []auth.JWK{key}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatalf("token does not pass: %v", err)
	}
	part, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(part)))
	decoder.UseNumber()
	var claims map[string]any
	if err := decoder.Decode(&claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestToken(t *testing.T) {
	file := filepath.Join(writeFiles(t, `-- weir.yaml --
auth:
  audience: [weir, other]
  jwks:
    keys:
      - {kty: oct, alg: HS256, kid: dev, k: `+secretKey+`}
      - {kty: oct, alg: HS512, k: "${KEY}"}`), "weir.yaml")
	t.Setenv("KEY", secretKey)
	before := time.Now().Unix()
	got := payload(t, token(t, "--config", file, "--sub", "u1", "--ttl", "90s",
		"--claim", "role=admin", "--claim", "id=12345678901234567890", "--claim", `teams=["a","b"]`, "--claim", "eq=a=b"),
		auth.JWK{Kty: "oct", Alg: "HS256", Kid: "dev", K: secretKey})

	issued, err := got["iat"].(json.Number).Int64()
	if err != nil || issued < before || issued > time.Now().Unix() {
		t.Errorf("iat %v is not now", got["iat"])
	}
	if expires, err := got["exp"].(json.Number).Int64(); err != nil || expires-issued != 90 {
		t.Errorf("exp %v - iat %v is not 90 s", got["exp"], got["iat"])
	}
	delete(got, "iat")
	delete(got, "exp")
	want := map[string]any{
		"sub": "u1", "aud": []any{"weir", "other"}, "role": "admin", "eq": "a=b",
		"id": json.Number("12345678901234567890"), "teams": []any{"a", "b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// A JWK file can hold RSA keys first: their private half is elsewhere.
func TestTokenTakesTheFirstSecret(t *testing.T) {
	public, _ := rsaKey(t)
	file := filepath.Join(writeFiles(t, `-- weir.yaml --
auth:
  audience: [weir]
  jwks: {keys: [{kty: RSA, kid: r, n: `+public.N+`, e: AQAB}, {kty: oct, alg: HS256, k: `+secretKey+`}]}`), "weir.yaml")
	payload(t, token(t, "--config", file, "--sub", "u1"), auth.JWK{Kty: "oct", Alg: "HS256", K: secretKey})
}

func TestTokenWithKeyFile(t *testing.T) {
	public, file := rsaKey(t)
	got := payload(t, token(t, "--sub", "u1", "--audience", "weir", "--kid", "r", "--key", file), public)
	if got["sub"] != "u1" {
		t.Errorf("sub %v, want u1", got["sub"])
	}
}

// rsaKey makes a key and returns its public half, and its private half in a
// file.
func rsaKey(t *testing.T) (public auth.JWK, file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return auth.JWK{
		Kty: "RSA", Kid: "r",
		N: base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		E: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}, file
}
