package config

import (
	"log/slog"

	"github.com/weirsync/weir/clients/auth"
)

// Config is the whole configuration.
type Config struct {
	Sources  []Source `yaml:"sources"`
	Store    Store    `yaml:"store"`
	Rules    Rules    `yaml:"rules"`
	Listen   string   `yaml:"listen"` // host:port
	API      API      `yaml:"api"`
	Auth     Auth     `yaml:"auth"`
	Snapshot Snapshot `yaml:"snapshot"`
	Log      Log      `yaml:"log"`
}

// Source is one Postgres database.
type Source struct {
	Name        string `yaml:"name"` // unique among the sources
	URI         URI    `yaml:"uri"`
	Slot        string `yaml:"slot"`
	Publication string `yaml:"publication"`
}

// Store is the bbolt file.
type Store struct {
	Path string `yaml:"path"`
}

// Rules is the sync rules file.
type Rules struct {
	Path string `yaml:"path"` // "" if rules come through the API
}

// API is the administrators' interface.
type API struct {
	Tokens []Secret `yaml:"tokens"`
}

// Auth says whose tokens clients may come with.
type Auth struct {
	Audience []string `yaml:"audience"`
	JWKS     JWKS     `yaml:"jwks"`
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

// Snapshot tunes the reading of whole tables.
type Snapshot struct {
	Concurrent  bool  `yaml:"concurrent"`
	Workers     int   `yaml:"workers"`
	MemoryLimit Bytes `yaml:"memory_limit"`
	ChunkBytes  Bytes `yaml:"chunk_bytes"`
}

// Log says what is logged to standard error.
type Log struct {
	Level  slog.Level `yaml:"level"`
	Format LogFormat  `yaml:"format"`
}

// What an operator need not say.
const (
	SourceNameDefault  = "default"
	SlotDefault        = "weir_1"
	PublicationDefault = "weir_1"
)

// Default returns the configuration of one who says nothing.
func Default() *Config {
	return &Config{
		Store:    Store{Path: "./weir.db"},
		Listen:   "127.0.0.1:8080",
		Snapshot: Snapshot{Workers: 4, MemoryLimit: 256 * MiB, ChunkBytes: 8 * MiB},
		Log:      Log{Level: slog.LevelInfo, Format: LogText},
	}
}

// fill sets what the sources leave out. A name is only given to a single one.
func (c *Config) fill() {
	for i := range c.Sources {
		s := &c.Sources[i]
		if s.Name == "" && len(c.Sources) == 1 {
			s.Name = SourceNameDefault
		}
		if s.Slot == "" {
			s.Slot = SlotDefault
		}
		if s.Publication == "" {
			s.Publication = PublicationDefault
		}
	}
}
