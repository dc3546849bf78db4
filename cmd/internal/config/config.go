package config

import (
	"log/slog"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients"
)

// Config is the whole configuration.
type Config struct {
	Env      string   `yaml:"env"` // what {env} stands for in the names of slots and publications
	Sources  []Source `yaml:"sources"`
	Store    Store    `yaml:"store"`
	Rules    Rules    `yaml:"rules"`
	Listen   string   `yaml:"listen"` // host:port
	TLS      TLS      `yaml:"tls"`
	API      API      `yaml:"api"`
	Auth     Auth     `yaml:"auth"`
	Clients  Clients  `yaml:"clients"`
	Snapshot Snapshot `yaml:"snapshot"`
	Log      Log      `yaml:"log"`
	Traces   Traces   `yaml:"traces"`
}

// Source is one Postgres database.
type Source struct {
	Name        string `yaml:"name"` // unique among the sources
	URI         URI    `yaml:"uri"`
	PrimaryURI  URI    `yaml:"primary_uri"` // if uri is a standby's; "" if it is the primary's
	Slot        string `yaml:"slot"`        // Load puts in what {env}, {db} and {source} stand for
	Publication string `yaml:"publication"` // likewise

	PublicationManagement Management `yaml:"publication_management"` // who creates and alters the publication
	OnSlotLoss            SlotLoss   `yaml:"on_slot_loss"`           // what to do when the stream cannot go on where the store stands
}

// Manual says that the publication is not weir's to change.
func (s *Source) Manual() bool { return s.PublicationManagement == Manual }

// TLS makes the server speak TLS, if there are files. They are read again when they change.
type TLS struct {
	Cert string `yaml:"cert"` // PEM: the certificate, then those between it and its authority
	Key  string `yaml:"key"`  // PEM
}

// Store is the bbolt file.
type Store struct {
	Path      string    `yaml:"path"`
	RowImages RowImages `yaml:"row_images"`
	Compact   Compact   `yaml:"compact"`

	DiskReserve Bytes `yaml:"disk_reserve"` // of the disk that is left free: with less nothing is stored; 0: not looked at
}

// Compact says when what no client needs of the history is dropped.
type Compact struct {
	Background        bool  `yaml:"background"`         // else only weir compact does
	SupersededPercent int   `yaml:"superseded_percent"` // of a bucket's operations at which it is compacted
	MemoryLimit       Bytes `yaml:"memory_limit"`       // of one compaction
}

// Rules is the sync rules file.
type Rules struct {
	Path        string        `yaml:"path"`         // "" if rules come through the API only
	KeepRetired time.Duration `yaml:"keep_retired"` // how long a replaced version can be rolled back to; 0: not at all
}

// API is the administrators' interface: routes, metrics, profiles.
type API struct {
	Tokens []Secret `yaml:"tokens"`
	Listen string   `yaml:"listen"` // host:port of its own; "" for that of the clients
	Pprof  bool     `yaml:"pprof"`  // needs a listener of its own
}

// Clients limits what clients may ask for.
type Clients struct {
	MaxConnections      int   `yaml:"max_connections"`
	MaxUserConnections  int   `yaml:"max_user_connections"`
	MaxRequest          Bytes `yaml:"max_request"`
	MaxBuckets          int   `yaml:"max_buckets"`           // of a client
	MaxParameterResults int   `yaml:"max_parameter_results"` // of a client
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

	HashUserIDs bool `yaml:"hash_user_ids"`
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
		Store: Store{
			Path: "./weir.db", RowImages: RowImages(buckets.RowImagesToast),
			Compact:     Compact{Background: true, SupersededPercent: 25, MemoryLimit: 32 * MiB},
			DiskReserve: 256 * MiB,
		},
		Rules:  Rules{KeepRetired: 24 * time.Hour},
		Listen: "127.0.0.1:8080",
		Auth:   Auth{BlockLocalJWKS: true},
		Clients: Clients{
			MaxConnections: clients.MaxConnectionsDefault, MaxUserConnections: clients.MaxUserConnectionsDefault,
			MaxRequest: clients.MaxRequestBytesDefault, MaxBuckets: clients.MaxBucketsDefault,
			MaxParameterResults: clients.MaxParameterResultsDefault,
		},
		Snapshot: Snapshot{Workers: 4, MemoryLimit: 256 * MiB, ChunkBytes: 8 * MiB},
		Log:      Log{Level: slog.LevelInfo, Format: LogText},
		Traces:   Traces{OneIn: 100},
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
		if s.PublicationManagement == "" {
			s.PublicationManagement = Auto
		}
		if s.OnSlotLoss == "" {
			s.OnSlotLoss = LossResnapshot
		}
	}
}
