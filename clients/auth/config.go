package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Config says whom to trust.
type Config struct {
	Audience  []string // a token must be for one of them; empty: no token passes, except one of Supabase
	Keys      []JWK    // static keys
	URIs      []string // of JWK sets, http or https
	Addresses Addresses
	Supabase  Supabase
	Logger    *slog.Logger     // discards by default
	Now       func() time.Time // time.Now if nil

	roots  *x509.CertPool // of tests; nil: the machine's
	timing timing         // of tests; zero: the default
}

// Supabase are the keys of a Supabase project. Tokens of theirs are for the audience "authenticated" whatever the configured one is,
// and may be valid for a week.
type Supabase struct {
	URI    string // of its public keys, "" for none
	Secret string // its legacy JWT secret as Supabase shows it, "" for none
}

var supabaseGrant = grant{audience: []string{"authenticated"}, lifetime: 7*24*time.Hour + 1200*time.Second}

// Verifier verifies tokens. Safe for concurrent use.
type Verifier struct {
	audience []string
	static   []Key
	sets     []*keySet
	now      func() time.Time
	parser   *jwt.Parser
	timing   timing
}

// New checks cfg. All faults of static keys are reported at once, by their index. It logs what is allowed and yet weak. Keys of URIs
// are there once Run runs.
func New(cfg Config) (*Verifier, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.timing == (timing{}) {
		cfg.timing = timingDefault
	}
	v := &Verifier{audience: cfg.Audience, now: cfg.Now, parser: jwt.NewParser(), timing: cfg.timing}
	var faults []error
	for i := range cfg.Keys {
		key, err := cfg.Keys[i].Parse()
		if err != nil {
			faults = append(faults, fmt.Errorf("jwks.keys[%d]: %w", i, err))
			continue
		}
		v.static = append(v.static, key)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if cfg.Supabase.Secret != "" {
		v.static = append(v.static, Key{Algorithms: []string{"HS256"}, Material: []byte(cfg.Supabase.Secret), grant: supabaseGrant})
	}
	warnShort(v.static, cfg.Logger)
	v.addSets(&cfg)
	return v, nil
}

func (v *Verifier) addSets(cfg *Config) {
	fetcher := newFetcher(cfg.Addresses, cfg.roots, cfg.Logger)
	add := func(uri string, g grant) {
		if strings.HasPrefix(uri, "http:") {
			cfg.Logger.Warn("keys come over plain HTTP: who is on the way can replace them; use https", "host", hostOf(uri))
		}
		v.sets = append(v.sets, newKeySet(uri, g, fetcher.fetch, cfg.timing, cfg.Logger))
	}
	for _, uri := range cfg.URIs {
		add(uri, grant{})
	}
	if cfg.Supabase.URI != "" {
		add(cfg.Supabase.URI, supabaseGrant)
	}
}

// hashBytes are the sizes of the algorithms' hashes, which secrets must at least have (RFC 7518, 3.2).
var hashBytes = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// warnShort logs secrets that are shorter than they should be. They are not refused: stock set-ups have them, and the protocol sets no
// limit.
func warnShort(keys []Key, log *slog.Logger) {
	for _, key := range keys {
		secret, ok := key.Material.([]byte)
		if alg := key.Algorithms[0]; ok && len(secret) < hashBytes[alg] {
			log.Warn("a secret for tokens is shorter than RFC 7518 asks for and may be guessed; make a new one",
				"kid", key.ID, "alg", alg, "bytes", len(secret), "want", hashBytes[alg])
		}
	}
}

// Run fetches the keys of URIs and keeps them fresh until ctx ends. It returns nil, once all its goroutines are gone.
func (v *Verifier) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, set := range v.sets {
		running.Go(func() { set.run(ctx) })
	}
	running.Wait()
	<-ctx.Done()
	return nil
}
