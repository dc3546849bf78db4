package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Claims are what a verified token says.
type Claims struct {
	Subject string          // text of sub, which can be a string or a number
	Payload json.RawMessage // the whole payload
	Expires time.Time
}

// payload holds the claims by their exact names: encoding/json would take "SUB" for "sub".
type payload map[string]json.RawMessage

// check checks the claims of a token that a key with grant g has signed.
func (v *Verifier) check(text []byte, g grant) (*Claims, error) {
	var p payload
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, invalid(malformed, err)
	}
	subject, err := p.subject()
	if err != nil {
		return nil, err
	}
	issued, err := p.seconds("iat")
	if err != nil {
		return nil, err
	}
	expires, err := p.seconds("exp")
	if err != nil {
		return nil, err
	}
	now := float64(v.now().UnixMilli()) / 1000
	if err := p.checkTimes(now, issued, expires, cmp.Or(g.lifetime, MaxLifetime)); err != nil {
		return nil, err
	}
	audience := v.audience
	if g.audience != nil {
		audience = g.audience
	}
	if err := checkAudience(p["aud"], audience); err != nil {
		return nil, err
	}
	if params, ok := p["parameters"]; ok && params[0] != '{' {
		return nil, invalid(`JWT claim "parameters" must be an object`, nil)
	}
	return &Claims{Subject: subject, Payload: text, Expires: time.UnixMilli(int64(expires * 1000))}, nil
}

func (p payload) subject() (string, error) {
	raw, ok := p["sub"]
	if !ok {
		return "", missing("sub")
	}
	var s string
	if json.Unmarshal(raw, &s) == nil && s != "" {
		return s, nil
	}
	if _, err := strconv.ParseFloat(string(raw), 64); err == nil {
		return string(raw), nil
	}
	return "", invalid(`JWT claim "sub" must be a string or a number`, nil)
}

// seconds reads a time. Its range keeps sums and conversions exact.
func (p payload) seconds(name string) (float64, error) {
	raw, ok := p[name]
	if !ok {
		return 0, missing(name)
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(n) > 1<<40 {
		return 0, invalid(fmt.Sprintf("JWT claim %q must be a number of seconds", name), nil)
	}
	return n, nil
}

// checkTimes checks in the order that gives a client the most useful answer. An iat in the future is no fault.
func (p payload) checkTimes(now, issued, expires float64, most time.Duration) error {
	tolerance := ClockTolerance.Seconds()
	if _, ok := p["nbf"]; ok {
		notBefore, err := p.seconds("nbf")
		if err != nil {
			return err
		}
		if notBefore > now+tolerance {
			return invalid("JWT is not valid yet", nil)
		}
	}
	if expires < now-tolerance {
		return &Error{Code: codeExpired, Text: "JWT has expired"}
	}
	if lifetime := expires - issued; lifetime > most.Seconds() {
		text := fmt.Sprintf("Token must expire in a maximum of %.0f seconds, got %.0fs", most.Seconds(), lifetime)
		return &Error{Code: codeLifetime, Text: text}
	}
	return nil
}

func checkAudience(raw json.RawMessage, accepted []string) error {
	var one string
	var several []string
	switch {
	case raw == nil:
		return &Error{Code: codeAudience, Text: `JWT payload is missing a required claim "aud"`}
	case json.Unmarshal(raw, &one) == nil:
		several = []string{one}
	case json.Unmarshal(raw, &several) != nil:
		return &Error{Code: codeAudience, Text: `Unexpected "aud" claim value: not a string or an array of strings`}
	}
	for _, aud := range several {
		if slices.Contains(accepted, aud) {
			return nil
		}
	}
	return &Error{
		Code: codeAudience, Text: `Unexpected "aud" claim value: it names none of the configured audiences`,
		Cause: errors.New("the audiences of the token and those configured for its key have nothing in common"),
	}
}

func missing(name string) *Error {
	return invalid(fmt.Sprintf("JWT payload is missing a required claim %q", name), nil)
}
