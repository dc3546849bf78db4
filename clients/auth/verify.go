package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ClockTolerance is how far the clocks of whoever signs tokens and ours may be apart.
const ClockTolerance = 60 * time.Second

// MaxLifetime is the longest that a token may be valid in all.
const MaxLifetime = 24 * time.Hour

// accepted algorithms. "none" is not among them, nor is any that golang-jwt might learn later.
var accepted = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA",
}

// KeySource gives keys. Several can be asked for one token.
type KeySource interface {
	// Keys returns what the source knows of a token whose header names kid ("" for none): the keys with this kid or, if there is
	// none, its keys without kid.
	Keys(ctx context.Context, kid string) ([]Key, error)
}

// Config says whom to trust.
type Config struct {
	Audience []string         // a token must be for one of them; empty: no token passes
	Keys     []JWK            // static keys
	Sources  []KeySource      // other keys
	Now      func() time.Time // time.Now if nil
}

// Verifier verifies tokens. Safe for concurrent use.
type Verifier struct {
	audience []string
	sources  []KeySource
	now      func() time.Time
	parser   *jwt.Parser
}

// New checks cfg. All faults of static keys are reported at once, by their index.
func New(cfg Config) (*Verifier, error) {
	v := &Verifier{
		audience: cfg.Audience,
		now:      cfg.Now,
		// Claims are checked in claims.go: each fault has its own code.
		parser: jwt.NewParser(jwt.WithValidMethods(accepted), jwt.WithoutClaimsValidation()),
	}
	if v.now == nil {
		v.now = time.Now
	}
	var static staticKeys
	var faults []error
	for i := range cfg.Keys {
		key, err := cfg.Keys[i].Parse()
		if err != nil {
			faults = append(faults, fmt.Errorf("jwks.keys[%d]: %w", i, err))
		}
		static = append(static, key)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	v.sources = append([]KeySource{static}, cfg.Sources...)
	return v, nil
}

// Verify checks the compact JWT token and returns what it says. Errors are *Error, except that of ctx.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	var parsed jwt.MapClaims // only so that the parser accepts nothing but a JSON object
	_, err := v.parser.ParseWithClaims(token, &parsed, func(t *jwt.Token) (any, error) { return v.keys(ctx, t) })
	if err != nil {
		return nil, classify(ctx, err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		return nil, invalid(malformed, err)
	}
	claims, err := v.check(payload)
	if err != nil {
		return nil, err
	}
	return claims, nil
}

const malformed = "Token is not a well-formed JWT. Check the token format."

func classify(ctx context.Context, err error) error {
	var own *Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &own):
		return own
	case errors.Is(err, jwt.ErrTokenMalformed):
		return invalid(malformed, err)
	default:
		return invalid("signature verification failed", err)
	}
}

// keys selects the keys that may have signed t.
func (v *Verifier) keys(ctx context.Context, t *jwt.Token) (any, error) {
	if _, ok := t.Header["crit"]; ok {
		return nil, invalid(malformed, errors.New("header crit is not supported"))
	}
	kid, isText := t.Header["kid"].(string)
	if _, ok := t.Header["kid"]; ok && !isText {
		return nil, invalid(malformed, errors.New("header kid is not a string"))
	}
	candidates, err := v.candidates(ctx, kid)
	if err != nil {
		return nil, err
	}
	alg := t.Method.Alg()
	var set jwt.VerificationKeySet
	for _, key := range candidates {
		if slices.Contains(key.Algorithms, alg) {
			set.Keys = append(set.Keys, key.Material)
		}
	}
	if len(set.Keys) == 0 {
		return nil, invalid("Could not find an appropriate key in the keystore. The key is missing or no key matched the token.", nil)
	}
	return set, nil
}

// candidates asks every source. A key with the token's kid shuts out all others, whichever source has it.
func (v *Verifier) candidates(ctx context.Context, kid string) ([]Key, error) {
	var named, unnamed []Key
	for _, source := range v.sources {
		keys, err := source.Keys(ctx, kid)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			switch key.ID {
			case "":
				unnamed = append(unnamed, key)
			case kid:
				named = append(named, key)
			}
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	return unnamed, nil
}

// staticKeys are the keys of the configuration.
type staticKeys []Key

// Keys returns all of them: the choice is the verifier's.
func (s staticKeys) Keys(context.Context, string) ([]Key, error) { return s, nil }
