package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

var (
	now    = time.Unix(1_800_000_000, 0)
	secret = JWK{Kty: "oct", Alg: "HS256", Kid: "dev", K: encode([]byte("a secret that is long enough"))}
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// claims of a good token, changed by pairs of name and value; nil leaves the claim out.
func claims(changes ...any) map[string]any {
	c := map[string]any{"sub": "u1", "iat": now.Unix(), "exp": now.Unix() + 3600, "aud": "weir"}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(c, changes[i].(string))
			continue
		}
		c[changes[i].(string)] = changes[i+1]
	}
	return c
}

func newVerifier(t testing.TB, keys ...JWK) *Verifier {
	t.Helper()
	v, err := New(Config{Audience: []string{"other", "weir"}, Keys: keys, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func sign(t testing.TB, key JWK, claims map[string]any) string {
	t.Helper()
	token, err := Sign(key, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// code verifies the token and returns its error's code, "" if it passes.
func code(t testing.TB, v *Verifier, token string) string {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if err == nil {
		return ""
	}
	var own *Error
	if !errors.As(err, &own) {
		t.Fatalf("error %v is no *Error", err)
	}
	return own.Code
}

func TestClaims(t *testing.T) {
	v := newVerifier(t, secret)
	got, err := v.Verify(t.Context(), sign(t, secret, claims("role", "x")))
	if err != nil {
		t.Fatal(err)
	}
	want := &Claims{
		Subject: "u1", Expires: now.Add(time.Hour),
		Payload: json.RawMessage(`{"aud":"weir","exp":1800003600,"iat":1800000000,"role":"x","sub":"u1"}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	got, err = v.Verify(t.Context(), sign(t, secret, claims("sub", 12)))
	if err != nil || got.Subject != "12" {
		t.Errorf("numeric sub: got %+v, %v", got, err)
	}
}

func TestPoint55_ClaimsHaveTheirCodes(t *testing.T) {
	v := newVerifier(t, secret)
	sec := now.Unix()
	for _, tt := range []struct {
		name   string
		claims map[string]any
		want   string
	}{
		{"good", claims(), ""},
		{"24 h exactly", claims("iat", sec-80000, "exp", sec+6400), ""},
		{"over 24 h", claims("iat", sec-80000, "exp", sec+6401), codeLifetime},
		{"expired within tolerance", claims("iat", sec-100, "exp", sec-60), ""},
		{"expired", claims("iat", sec-100, "exp", sec-61), codeExpired},
		{"fraction of seconds", claims("exp", float64(sec)+0.5), ""},
		{"iat in the future", claims("iat", sec+1000), ""},
		{"nbf within tolerance", claims("nbf", sec+60), ""},
		{"nbf in the future", claims("nbf", sec+61), codeInvalid},
		{"aud in a list", claims("aud", []string{"x", "other"}), ""},
		{"wrong aud", claims("aud", "x"), codeAudience},
		{"wrong aud list", claims("aud", []string{"x", "y"}), codeAudience},
		{"aud of a wrong type", claims("aud", 5), codeAudience},
		{"no aud", claims("aud", nil), codeAudience},
		{"no sub", claims("sub", nil), codeInvalid},
		{"empty sub", claims("sub", ""), codeInvalid},
		{"sub in capitals", claims("sub", nil, "SUB", "admin"), codeInvalid},
		{"sub is an object", claims("sub", map[string]any{}), codeInvalid},
		{"no iat", claims("iat", nil), codeInvalid},
		{"no exp", claims("exp", nil), codeInvalid},
		{"exp is text", claims("exp", "tomorrow"), codeInvalid},
		{"times beyond all range", claims("iat", 1e300, "exp", 1e300), codeInvalid},
		{"parameters is an object", claims("parameters", map[string]any{"a": 1}), ""},
		{"parameters is a list", claims("parameters", []int{1}), codeInvalid},
	} {
		if got := code(t, v, sign(t, secret, tt.claims)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNoAudienceConfiguredPassesNobody(t *testing.T) {
	v, err := New(Config{Keys: []JWK{secret}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for _, aud := range []any{"", "weir", nil, []string{}} {
		if got := code(t, v, sign(t, secret, claims("aud", aud))); got != codeAudience {
			t.Errorf("aud %v: got %q", aud, got)
		}
	}
}

func TestMalformedTokens(t *testing.T) {
	v := newVerifier(t, secret)
	good := sign(t, secret, claims())
	parts := strings.Split(good, ".")
	none := encode([]byte(`{"alg":"none","typ":"JWT"}`))
	for name, token := range map[string]string{
		"empty": "", "text": "abc", "two parts": parts[0] + "." + parts[1], "four parts": good + ".x",
		"unsigned": none + "." + parts[1] + ".", "alg none with signature": none + "." + parts[1] + "." + parts[2],
		"padding": parts[0] + "=." + parts[1] + "." + parts[2], "other payload": parts[0] + "." + parts[1][:len(parts[1])-4] + "." + parts[2],
		"payload is a list": parts[0] + "." + encode([]byte(`[1]`)) + "." + parts[2],
	} {
		if got := code(t, v, token); got != codeInvalid {
			t.Errorf("%s: got %q, want %q", name, got, codeInvalid)
		}
	}
}

func TestCriticalHeadersAreRefused(t *testing.T) {
	for _, header := range []map[string]any{{"crit": []string{"x"}, "kid": "dev"}, {"kid": 5}} {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims()))
		maps.Copy(token.Header, header)
		text, err := token.SignedString([]byte("a secret that is long enough"))
		if err != nil {
			t.Fatal(err)
		}
		if got := code(t, newVerifier(t, secret), text); got != codeInvalid {
			t.Errorf("header %v: got %q", header, got)
		}
	}
}

// pairs of every asymmetric kind of key.
type pair struct {
	jwk     JWK
	method  jwt.SigningMethod
	private crypto.PrivateKey
}

// pairs makes a key of every asymmetric kind, once: RSA keys take their time.
var pairs = sync.OnceValue(func() []pair {
	ec := func(crv string, curve elliptic.Curve, m jwt.SigningMethod) pair {
		k := must(ecdsa.GenerateKey(curve, rand.Reader))
		point := must(k.PublicKey.Bytes())
		size := len(point) / 2
		return pair{JWK{Kty: "EC", Kid: crv, Crv: crv, X: encode(point[1 : 1+size]), Y: encode(point[1+size:])}, m, k}
	}
	r := must(rsa.GenerateKey(rand.Reader, 2048))
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return []pair{
		{
			JWK{Kty: "RSA", Kid: "rsa", N: encode(r.N.Bytes()), E: encode(big.NewInt(int64(r.E)).Bytes())},
			jwt.SigningMethodRS256, r,
		},
		ec("P-256", elliptic.P256(), jwt.SigningMethodES256),
		ec("P-384", elliptic.P384(), jwt.SigningMethodES384),
		ec("P-521", elliptic.P521(), jwt.SigningMethodES512),
		{JWK{Kty: "OKP", Kid: "ed", Crv: "Ed25519", Alg: "EdDSA", X: encode(edPublic)}, jwt.SigningMethodEdDSA, ed},
	}
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (p *pair) sign(t testing.TB, kid string) string {
	t.Helper()
	token := jwt.NewWithClaims(p.method, jwt.MapClaims(claims()))
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(p.private)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEveryAlgorithm(t *testing.T) {
	for _, p := range pairs() {
		v := newVerifier(t, secret, p.jwk)
		if got := code(t, v, p.sign(t, p.jwk.Kid)); got != "" {
			t.Errorf("%s: got %q", p.method.Alg(), got)
		}
	}
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		key := JWK{Kty: "oct", Alg: alg, K: secret.K}
		if got := code(t, newVerifier(t, key), sign(t, key, claims())); got != "" {
			t.Errorf("%s: got %q", alg, got)
		}
	}
}

func TestPoint56_KidSelectsTheKey(t *testing.T) {
	other := JWK{Kty: "oct", Alg: "HS256", Kid: "other", K: encode([]byte("another secret"))}
	plain := JWK{Kty: "oct", Alg: "HS256", K: encode([]byte("the secret of a key without kid"))}
	plain2 := JWK{Kty: "oct", Alg: "HS256", K: encode([]byte("another secret of a key without kid"))}
	unknown := func(k JWK) JWK { k.Kid = "unknown"; return k }
	noKid := func(k JWK) JWK { k.Kid = ""; return k }
	v := newVerifier(t, secret, other, plain, plain2)
	for _, tt := range []struct {
		name string
		key  JWK
		want string
	}{
		{"kid selects", secret, ""},
		{"no kid: first key without", plain, ""},
		{"no kid: second key without", plain2, ""},
		{"unknown kid falls to keys without kid", unknown(plain2), ""},
		{"unknown kid does not reach keys with kid", unknown(secret), codeInvalid},
		{"no kid does not reach keys with kid", noKid(secret), codeInvalid},
		{"kid of another key", JWK{Kty: "oct", Alg: "HS256", Kid: "other", K: secret.K}, codeInvalid},
		{"a kid that matches shuts out keys without", JWK{Kty: "oct", Alg: "HS256", Kid: "dev", K: plain.K}, codeInvalid},
		{"another algorithm than the key's", JWK{Kty: "oct", Alg: "HS512", Kid: "dev", K: secret.K}, codeInvalid},
	} {
		if got := code(t, v, sign(t, tt.key, claims())); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Signing with a public key as if it were a secret must not work, in any form that an attacker can have it.
func TestPoint56_AlgorithmConfusion(t *testing.T) {
	for _, p := range pairs() {
		v := newVerifier(t, p.jwk)
		public := p.private.(crypto.Signer).Public()
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(p.jwk)
		if err != nil {
			t.Fatal(err)
		}
		for _, material := range [][]byte{der, text, []byte(p.jwk.N), []byte(p.jwk.X)} {
			if len(material) == 0 {
				continue
			}
			forged := sign(t, JWK{Kty: "oct", Alg: "HS256", Kid: p.jwk.Kid, K: encode(material)}, claims())
			if got := code(t, v, forged); got != codeInvalid {
				t.Errorf("%s: got %q", p.method.Alg(), got)
			}
		}
	}
}

func TestBadKeys(t *testing.T) {
	rsaKey, ec := pairs()[0].jwk, pairs()[1].jwk
	for name, key := range map[string]JWK{
		"no kty":              {K: "AAAA"},
		"oct without alg":     {Kty: "oct", K: "AAAA"},
		"oct of RS256":        {Kty: "oct", Alg: "RS256", K: "AAAA"},
		"oct without k":       {Kty: "oct", Alg: "HS256"},
		"k is no base64url":   {Kty: "oct", Alg: "HS256", K: "?secret?"},
		"RSA without kid":     {Kty: "RSA", N: rsaKey.N, E: rsaKey.E},
		"short RSA":           {Kty: "RSA", Kid: "a", N: "AQAB", E: "AQAB"},
		"unknown curve":       {Kty: "EC", Crv: "secp256k1", X: "AA", Y: "AA"},
		"no point":            {Kty: "EC", Crv: "P-256", X: "AA", Y: "AA"},
		"alg of another crv":  {Kty: "EC", Crv: "P-256", Alg: "ES384", X: ec.X, Y: ec.Y},
		"Ed448":               {Kty: "OKP", Crv: "Ed448", X: "AA"},
		"Ed25519 cut off":     {Kty: "OKP", Crv: "Ed25519", X: "AA"},
		"P-256 with long x,y": {Kty: "EC", Crv: "P-256", X: encode(make([]byte, 33)), Y: "AA"},
	} {
		_, err := New(Config{Keys: []JWK{key}})
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error repeats the key: %v", name, err)
		}
	}
}

func TestPoint10_AuthorizationHeader(t *testing.T) {
	for header, want := range map[string]string{"Token a.b.c": "a.b.c", "Bearer a.b.c": "a.b.c"} {
		if got, err := FromHeader(header); err != nil || got != want {
			t.Errorf("%q: got %q, %v", header, got, err)
		}
	}
	for _, header := range []string{"", "a.b.c", "token a.b.c", "bearer a", "Basic a", "Bearer", "Bearer ", "Bearer  a", "Bearer a b"} {
		var own *Error
		if _, err := FromHeader(header); !errors.As(err, &own) || own.Code != codeMissing {
			t.Errorf("%q: got %v, want %s", header, err, codeMissing)
		}
	}
}

// FuzzVerify looks for a token that passes although nobody signed what it says.
func FuzzVerify(f *testing.F) {
	keys := []JWK{secret}
	tokens := []string{sign(f, secret, claims()), sign(f, secret, claims("sub", 1, "aud", []string{"weir"}))}
	for _, p := range pairs() {
		keys = append(keys, p.jwk)
		tokens = append(tokens, p.sign(f, p.jwk.Kid))
	}
	v := newVerifier(f, keys...)
	signed := make(map[string]bool)
	for _, token := range tokens {
		signed[token[:strings.LastIndexByte(token, '.')]] = true
		f.Add(token)
	}
	f.Add("a.b.c")
	f.Add(encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(`{}`)) + ".")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := v.Verify(context.Background(), token)
		if err != nil {
			return
		}
		if !signed[token[:strings.LastIndexByte(token, '.')]] || c.Subject == "" || !json.Valid(c.Payload) {
			t.Errorf("accepted %q as %+v", token, c)
		}
	})
}

// FuzzCheck feeds payloads that no signature protects.
func FuzzCheck(f *testing.F) {
	v := newVerifier(f, secret)
	f.Add([]byte(`{"aud":"weir","exp":1800003600,"iat":1800000000,"sub":"u1","parameters":{}}`))
	f.Add([]byte(`{"aud":["weir"],"exp":1.8e9,"iat":1800000000.5,"sub":1e2,"nbf":0}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := v.check(payload, grant{})
		if err == nil && (c.Subject == "" || c.Expires.Before(now.Add(-ClockTolerance))) {
			t.Errorf("accepted %q as %+v", payload, c)
		}
	})
}
