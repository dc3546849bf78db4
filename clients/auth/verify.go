package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ClockTolerance is how far the clocks of whoever signs tokens and ours may be apart.
const ClockTolerance = 60 * time.Second

// MaxLifetime is the longest that a token may be valid in all, unless its key says otherwise.
const MaxLifetime = 24 * time.Hour

// accepted algorithms. "none" is not among them, nor is any that golang-jwt might learn later.
var accepted = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA",
}

// Verify checks the compact JWT token and returns what it says. It waits for keys that are being fetched, for 3 seconds at most.
// Errors are *Error, except that of ctx.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	t, err := v.parse(token)
	if err != nil {
		return nil, err
	}
	key, err := v.signer(t)
	if errors.Is(err, errUnknownKey) && len(v.sets) > 0 {
		if err := v.await(ctx); err != nil {
			return nil, err
		}
		key, err = v.signer(t)
	}
	if err != nil {
		return nil, v.explain(err)
	}
	return v.check(t.payload, key.grant)
}

// parsed is a token of the right form, whose signature nobody has checked.
type parsed struct {
	method    jwt.SigningMethod
	kid       string
	signed    string
	signature []byte
	payload   []byte
}

const malformed = "Token is not a well-formed JWT. Check the token format."

// parse takes a token apart. It believes nothing of it.
func (v *Verifier) parse(token string) (*parsed, error) {
	var claims jwt.MapClaims // only so that the parser accepts nothing but a JSON object
	t, parts, err := v.parser.ParseUnverified(token, &claims)
	if err != nil {
		return nil, invalid(malformed, err)
	}
	if !slices.Contains(accepted, t.Method.Alg()) {
		return nil, invalid(malformed, errors.New("header alg is none of those accepted"))
	}
	if _, ok := t.Header["crit"]; ok {
		return nil, invalid(malformed, errors.New("header crit is not supported"))
	}
	kid, isText := t.Header["kid"].(string)
	if _, ok := t.Header["kid"]; ok && !isText {
		return nil, invalid(malformed, errors.New("header kid is not a string"))
	}
	payload, err := v.parser.DecodeSegment(parts[1])
	if err != nil {
		return nil, invalid(malformed, err)
	}
	return &parsed{method: t.Method, kid: kid, signed: parts[0] + "." + parts[1], signature: t.Signature, payload: payload}, nil
}

// errUnknownKey says that no key is there that has signed the token. Another one might be, later.
var errUnknownKey = invalid("Could not find an appropriate key in the keystore. The key is missing or no key matched the token.", nil)

// signer returns the key that has signed t. A key with the token's kid shuts out all others, whoever gave it.
func (v *Verifier) signer(t *parsed) (*Key, error) {
	named, unnamed := v.candidates(t.kid)
	if key := t.signedBy(named); key != nil {
		return key, nil
	}
	if len(named) > 0 {
		return nil, invalid("signature verification failed", nil)
	}
	if key := t.signedBy(unnamed); key != nil {
		return key, nil
	}
	return nil, errUnknownKey
}

// candidates returns the keys with this kid and those without any.
func (v *Verifier) candidates(kid string) (named, unnamed []Key) {
	sort := func(keys []Key) {
		for _, key := range keys {
			switch key.ID {
			case "":
				unnamed = append(unnamed, key)
			case kid:
				named = append(named, key)
			}
		}
	}
	sort(v.static)
	for _, set := range v.sets {
		keys, _ := set.usable()
		sort(keys)
	}
	return named, unnamed
}

// signedBy returns the key among keys that fits the token's algorithm and has signed it, or nil.
func (t *parsed) signedBy(keys []Key) *Key {
	for i := range keys {
		key := &keys[i]
		if slices.Contains(key.Algorithms, t.method.Alg()) && t.method.Verify(t.signed, t.signature, key.Material) == nil {
			return key
		}
	}
	return nil
}

// await waits until all sets have been fetched again that may be, or patience ends.
func (v *Verifier) await(ctx context.Context) error {
	timer := time.NewTimer(v.timing.patience)
	defer timer.Stop()
	fetches := make([]<-chan struct{}, 0, len(v.sets))
	for _, set := range v.sets {
		if done := set.ask(); done != nil {
			fetches = append(fetches, done)
		}
	}
	for _, done := range fetches {
		select {
		case <-done:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// explain finds out why a key is unknown.
func (v *Verifier) explain(err error) error {
	if !errors.Is(err, errUnknownKey) {
		return err
	}
	if len(v.static) == 0 && len(v.sets) == 0 {
		return &Error{Code: codeNoKeys, Text: "No keys are configured"}
	}
	for _, set := range v.sets {
		if _, fault := set.usable(); fault != nil {
			return fault
		}
	}
	return err
}
