package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// JWK is a key as configuration and key servers write it (RFC 7517). Only members that verification needs are here.
type JWK struct {
	Kty string `json:"kty" yaml:"kty"`
	Alg string `json:"alg,omitempty" yaml:"alg,omitempty"`
	Kid string `json:"kid,omitempty" yaml:"kid,omitempty"`
	Crv string `json:"crv,omitempty" yaml:"crv,omitempty"`
	K   string `json:"k,omitempty" yaml:"k,omitempty"` // secret of an oct key
	N   string `json:"n,omitempty" yaml:"n,omitempty"`
	E   string `json:"e,omitempty" yaml:"e,omitempty"`
	X   string `json:"x,omitempty" yaml:"x,omitempty"`
	Y   string `json:"y,omitempty" yaml:"y,omitempty"`
}

// Key is a key that can verify signatures.
type Key struct {
	ID         string   // "" if it has none
	Algorithms []string // that it may be used with
	Material   any      // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey

	grant grant
}

// Parse checks j, a key of the configuration, and returns it as a Key. Errors don't repeat the key's material.
func (j *JWK) Parse() (Key, error) {
	if j.Kty == "RSA" && j.Kid == "" {
		return Key{}, errors.New("an RSA key needs kid")
	}
	return j.parse()
}

func (j *JWK) parse() (Key, error) {
	key := Key{ID: j.Kid}
	var err error
	switch j.Kty {
	case "oct":
		err = j.parseSecret(&key)
	case "RSA":
		err = j.parseRSA(&key)
	case "EC":
		err = j.parseEC(&key)
	case "OKP":
		err = j.parseEd25519(&key)
	default:
		err = fmt.Errorf("kty %q is none of oct, RSA, EC, OKP", j.Kty)
	}
	if err != nil {
		return Key{}, err
	}
	if j.Alg == "" {
		return key, nil
	}
	if !slices.Contains(key.Algorithms, j.Alg) {
		return Key{}, fmt.Errorf("alg %q does not fit the key, which can be used with %s", j.Alg, strings.Join(key.Algorithms, ", "))
	}
	key.Algorithms = []string{j.Alg}
	return key, nil
}

func (j *JWK) parseSecret(key *Key) error {
	if j.Alg == "" {
		return errors.New("an oct key needs alg")
	}
	secret, err := decodePart("k", j.K)
	key.Algorithms, key.Material = []string{"HS256", "HS384", "HS512"}, secret
	return err
}

func (j *JWK) parseRSA(key *Key) error {
	n, err := decodePart("n", j.N)
	if err != nil {
		return err
	}
	e, err := decodePart("e", j.E)
	if err != nil {
		return err
	}
	exponent := new(big.Int).SetBytes(e)
	if exponent.BitLen() > 31 || exponent.Int64() < 3 {
		return errors.New("e is out of range")
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}
	if public.N.BitLen() < 2048 {
		return fmt.Errorf("an RSA key of %d bits is too short, 2048 are needed", public.N.BitLen())
	}
	key.Algorithms, key.Material = []string{"RS256", "RS384", "RS512"}, public
	return nil
}

var curves = map[string]struct {
	curve elliptic.Curve
	alg   string
}{
	"P-256": {elliptic.P256(), "ES256"},
	"P-384": {elliptic.P384(), "ES384"},
	"P-521": {elliptic.P521(), "ES512"},
}

func (j *JWK) parseEC(key *Key) error {
	c, ok := curves[j.Crv]
	if !ok {
		return fmt.Errorf("crv %q is none of P-256, P-384, P-521", j.Crv)
	}
	x, err := decodePart("x", j.X)
	if err != nil {
		return err
	}
	y, err := decodePart("y", j.Y)
	if err != nil {
		return err
	}
	size := (c.curve.Params().BitSize + 7) / 8
	if len(x) > size || len(y) > size {
		return errors.New("x or y is too long for the curve")
	}
	point := make([]byte, 1+2*size)
	point[0] = 4 // uncompressed
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	public, err := ecdsa.ParseUncompressedPublicKey(c.curve, point)
	if err != nil {
		return errors.New("x and y are no point of the curve")
	}
	key.Algorithms, key.Material = []string{c.alg}, public
	return nil
}

func (j *JWK) parseEd25519(key *Key) error {
	if j.Crv != "Ed25519" {
		return fmt.Errorf("crv %q is not supported, Ed25519 is", j.Crv)
	}
	x, err := decodePart("x", j.X)
	if err != nil {
		return err
	}
	if len(x) != ed25519.PublicKeySize {
		return fmt.Errorf("x has %d bytes instead of %d", len(x), ed25519.PublicKeySize)
	}
	key.Algorithms, key.Material = []string{"EdDSA"}, ed25519.PublicKey(x)
	return nil
}

// decodePart decodes base64url, with or without padding. Errors don't repeat the text: it can be a secret.
func decodePart(name, text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%s is not base64url text", name)
	}
	return b, nil
}
