package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weirsync/weir/clients/auth"
)

// Auth says whose tokens clients may come with. Its keys have the names that PowerSync's client_auth gives them.
type Auth struct {
	Audience          []string       `yaml:"audience"`
	JWKS              JWKS           `yaml:"jwks"`
	JWKSURI           []KeyURI       `yaml:"jwks_uri"`
	BlockLocalJWKS    bool           `yaml:"block_local_jwks"`
	AllowIPRanges     []AddressRange `yaml:"jwks_allow_ip_ranges"`
	RejectIPRanges    []AddressRange `yaml:"jwks_reject_ip_ranges"`
	Supabase          bool           `yaml:"supabase"`
	SupabaseJWTSecret Secret         `yaml:"supabase_jwt_secret"`
}

// JWKS is a set of keys.
type JWKS struct {
	Keys []JWK `yaml:"keys"`
}

// JWK is a key of RFC 7517.
type JWK struct {
	Kty string `yaml:"kty"`
	Alg string `yaml:"alg"`
	Kid string `yaml:"kid"`
	Use string `yaml:"use"` // "sig" or nothing
	Crv string `yaml:"crv"`
	K   Secret `yaml:"k"`
	N   string `yaml:"n"`
	E   string `yaml:"e"`
	X   string `yaml:"x"`
	Y   string `yaml:"y"`
}

// Key returns the key as package auth takes it, with the secret in clear.
func (j *JWK) Key() auth.JWK {
	return auth.JWK{
		Kty: j.Kty, Alg: j.Alg, Kid: j.Kid, Crv: j.Crv,
		K: string(j.K), N: j.N, E: j.E, X: j.X, Y: j.Y,
	}
}

// ClientAuth returns the configuration of package auth, with the secrets in clear.
func (c *Config) ClientAuth() auth.Config {
	a := &c.Auth
	out := auth.Config{
		Audience:  a.Audience,
		Addresses: auth.Addresses{AllowLocal: !a.BlockLocalJWKS, Allow: prefixes(a.AllowIPRanges), Reject: prefixes(a.RejectIPRanges)},
		Supabase:  auth.Supabase{URI: c.supabaseURI(), Secret: string(a.SupabaseJWTSecret)},
	}
	for i := range a.JWKS.Keys {
		out.Keys = append(out.Keys, a.JWKS.Keys[i].Key())
	}
	for _, uri := range a.JWKSURI {
		out.URIs = append(out.URIs, string(uri))
	}
	return out
}

var supabaseHost = regexp.MustCompile(`^db\.([a-z0-9-]+)\.supabase\.co$`)

// supabaseURI returns where the project that a source belongs to publishes its keys, or "".
func (c *Config) supabaseURI() string {
	if !c.Auth.Supabase {
		return ""
	}
	for i := range c.Sources {
		source, err := pgconn.ParseConfig(string(c.Sources[i].URI))
		if err != nil {
			continue
		}
		if m := supabaseHost.FindStringSubmatch(source.Host); m != nil {
			return "https://" + m[1] + ".supabase.co/auth/v1/.well-known/jwks.json"
		}
	}
	return ""
}

// KeyURI is where a JWK set is fetched from. It can hold an API key, and so shows only its host. Convert it to string to use it.
type KeyURI string

// String returns the host.
func (u KeyURI) String() string {
	parsed, err := url.Parse(string(u))
	if err != nil {
		return redacted
	}
	return parsed.Host
}

// GoString does so for %#v.
func (u KeyURI) GoString() string { return u.String() }

// LogValue does so for slog.
func (u KeyURI) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText does so for JSON and its like.
func (u KeyURI) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText checks the text. It does not connect.
func (u *KeyURI) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Hostname() == "" || parsed.User != nil {
		return errors.New("write the address of a JWK set, such as https://host/.well-known/jwks.json, without user and password")
	}
	*u = KeyURI(text)
	return nil
}

// AddressRange is a range of IP addresses, or one.
type AddressRange string

// UnmarshalText reads a range in CIDR form, or an address.
func (r *AddressRange) UnmarshalText(text []byte) error {
	if _, err := netip.ParsePrefix(string(text)); err != nil {
		addr, err := netip.ParseAddr(string(text))
		if err != nil || addr.Zone() != "" {
			return errors.New("write a range of addresses, such as 10.0.0.0/8, or an address")
		}
		text = netip.PrefixFrom(addr, addr.BitLen()).AppendTo(nil)
	}
	*r = AddressRange(text)
	return nil
}

func prefixes(ranges []AddressRange) []netip.Prefix {
	var out []netip.Prefix
	for _, r := range ranges {
		out = append(out, netip.MustParsePrefix(string(r)))
	}
	return out
}
