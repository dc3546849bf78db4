package auth

import (
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Sign returns a token with the given claims, signed with an oct key: tokens for development and for tests.
func Sign(j JWK, claims map[string]any) (string, error) {
	if j.Kty != "oct" {
		return "", fmt.Errorf("sign with a key of type %q: only oct keys hold a secret", j.Kty)
	}
	key, err := j.Parse()
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	t := jwt.NewWithClaims(jwt.GetSigningMethod(j.Alg), jwt.MapClaims(claims))
	if j.Kid != "" {
		t.Header["kid"] = j.Kid
	}
	return t.SignedString(key.Material)
}
