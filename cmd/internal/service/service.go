package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/deploys"
	"github.com/weirsync/weir/cmd/internal/judge"
	"github.com/weirsync/weir/cmd/internal/traces"
	"github.com/weirsync/weir/replicator"
	"github.com/weirsync/weir/syncrules"
)

// drainTimeout is how long clients have to take their goodbye when the process stops.
const drainTimeout = 10 * time.Second

// Service is one weir process. Make it with New, then call Run once.
type Service struct {
	cfg      *config.Config
	log      *slog.Logger
	rules    string // text of the rules file, "" if none is configured
	store    *buckets.Store
	sources  sources
	verifier *auth.Verifier
	server   *clients.Server
	admin    *admin.Server
	deploys  *deploys.Deploys
	listener net.Listener
	tls      *tls.Config    // of both listeners; nil for none
	tracer   *traces.Tracer // nil for none
	back     net.Listener   // of API, metrics and profiles; nil if they are the clients' too
}

// RulesError says that the rules file has faults. Its text shows each with its line and a caret.
type RulesError struct{ Rendered string }

func (e *RulesError) Error() string { return e.Rendered }

// New checks everything that can be checked without a database, opens the store and listens. Close it with Run.
func New(cfg *config.Config, log *slog.Logger) (_ *Service, err error) {
	s := &Service{cfg: cfg, log: log}
	if s.rules, err = readRules(cfg.Rules.Path); err != nil {
		return nil, err
	}
	if s.verifier, err = newVerifier(cfg, log); err != nil {
		return nil, err
	}
	if s.tls, err = listenTLS(cfg.TLS, log); err != nil {
		return nil, err
	}
	if s.tracer, err = newTracer(cfg.Traces, log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.closeTracer()
		}
	}()
	var names []string
	for i := range cfg.Sources {
		names = append(names, cfg.Sources[i].Name)
	}
	if s.store, err = buckets.Open(cfg.Store.Path, buckets.Options{
		Logger: log, Sources: names, QueueBytes: min(buckets.QueueBytesDefault, int(cfg.Snapshot.MemoryLimit/8)),
		KeepRetired: cfg.Rules.KeepRetired, RowImages: buckets.RowImages(cfg.Store.RowImages), Trace: s.traceCommit(), DiskReserve: int64(cfg.Store.DiskReserve),
		Compact: buckets.CompactOptions{
			Off: !cfg.Store.Compact.Background, Stale: cfg.Store.Compact.SupersededPercent, Memory: int(cfg.Store.Compact.MemoryLimit),
		},
	}); err != nil {
		return nil, err
	}
	if err := checkRules(cfg.Rules.Path, s.rules, s.store); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	if s.listener, err = clients.Listen(cfg.Listen); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w; choose another address with --listen", err), s.store.Close())
	}
	if s.back, err = listenBack(cfg.API.Listen); err != nil {
		return nil, errors.Join(err, s.listener.Close(), s.store.Close())
	}
	for i := range cfg.Sources {
		s.sources = append(s.sources, replicator.New(sourceConfig(cfg, i, log), s.store))
	}
	s.deploys = deploys.New(s.store, s.deploySources(), log)
	s.admin = admin.New(admin.Config{
		Tokens: tokens(cfg.API.Tokens), Store: s.store, Rules: s.deploys, Sources: s.deploys, Replication: administered{s.sources, s.store}, Memory: s.memory,
		RulesFile: cfg.Rules.Path != "", Logger: log,
	})
	var api http.Handler // beside the clients' routes, unless it has a listener of its own
	if s.back == nil {
		api = s.admin
	}
	s.server = clients.New(clients.Config{
		Store: s.store, Auth: s.verifier, Sources: s.sources, Health: health{s.store, s.sources}, Admin: api, Logger: log,
		HashUserIDs: cfg.Log.HashUserIDs, Sent: s.traceSent(),
		MaxConnections: cfg.Clients.MaxConnections, MaxUserConnections: cfg.Clients.MaxUserConnections,
		MaxRequestBytes: int(cfg.Clients.MaxRequest), MaxBuckets: cfg.Clients.MaxBuckets,
		MaxParameterResults: cfg.Clients.MaxParameterResults,
	})
	return s, nil
}

// readRules returns the text of the rules file.
func readRules(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read rules: %w; write one, or name another file with --rules", err)
	}
	return string(text), nil
}

// checkRules refuses a rules file that does not compile, unless there is an active version to serve: what is wrong with the file is told in
// status and log then, and no client is disturbed.
func checkRules(path, text string, store *buckets.Store) error {
	active := func(v buckets.Version) bool { return v.State == buckets.Active }
	if path == "" || slices.ContainsFunc(store.Versions(), active) {
		return nil
	}
	if program, faults := syncrules.Compile([]byte(text), syncrules.CompileOptions{}); program == nil {
		return &RulesError{faults.Render(path, []byte(text))}
	}
	return nil
}

func newVerifier(cfg *config.Config, log *slog.Logger) (*auth.Verifier, error) {
	authCfg := cfg.ClientAuth()
	authCfg.Logger = log
	v, err := auth.New(authCfg)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return v, nil
}

func tokens(secrets []config.Secret) (out []string) {
	for _, s := range secrets {
		out = append(out, string(s))
	}
	return out
}

func sourceConfig(cfg *config.Config, i int, log *slog.Logger) replicator.Config {
	src := &cfg.Sources[i]
	return replicator.Config{
		Name: src.Name, URI: string(src.URI), PrimaryURI: string(src.PrimaryURI), Slot: src.Slot, Publication: src.Publication,
		Manual: src.Manual(), OnLost: replicator.Policy(src.OnSlotLoss), Logger: log,
		Snapshot: replicator.SnapshotConfig{
			Concurrent: cfg.Snapshot.Concurrent, Workers: cfg.Snapshot.Workers,
			MemoryLimit: int64(cfg.Snapshot.MemoryLimit), ChunkBytes: int64(cfg.Snapshot.ChunkBytes),
		},
	}
}

// deploySources are the sources with what is needed to read their catalogs while they don't run.
func (s *Service) deploySources() (out []deploys.Source) {
	for i, src := range s.sources {
		c := &s.cfg.Sources[i]
		out = append(out, deploys.Source{
			Source: src, Slot: c.Slot,
			Catalog: judge.Source{
				Name: c.Name, URI: string(c.URI), PrimaryURI: string(c.PrimaryURI), Publication: c.Publication, Manual: c.Manual(),
			},
		})
	}
	return out
}

// Addr is where the server listens.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, then stops gracefully and returns nil. An error means that the store can't go on. The service
// is closed when it returns.
func (s *Service) Run(ctx context.Context) error {
	writerCtx, stopWriter := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriter()
	var writer errgroup.Group
	failed, fail := context.WithCancel(ctx) // ends with ctx, or when the writer stops
	defer fail()
	writer.Go(func() error {
		defer fail()
		return s.store.Run(writerCtx)
	})
	err := s.serve(failed)
	stopWriter()
	err = errors.Join(err, writer.Wait(), s.store.Close())
	s.closeTracer()
	return err
}

// serve runs everything above the writer until ctx ends.
func (s *Service) serve(ctx context.Context) error {
	web, back := s.web(s.front()), s.web(s.backHandler())
	var listening errgroup.Group
	listening.Go(func() error { return s.serveOn(web, s.listener) })
	if s.back != nil {
		listening.Go(func() error { return s.serveOn(back, s.back) })
		s.log.Info("listening for API and metrics", "address", s.back.Addr().String(), "pprof", s.cfg.API.Pprof)
	}
	defer func() {
		_ = errors.Join(web.Close(), back.Close())
		_ = listening.Wait() // http.ErrServerClosed
	}()
	var verifying errgroup.Group
	verifyCtx, stopVerifying := context.WithCancel(context.WithoutCancel(ctx))
	verifying.Go(func() error { return s.verifier.Run(verifyCtx) })
	defer func() {
		stopVerifying()
		_ = verifying.Wait() // nil
	}()
	if limit, err := fileLimit(); err == nil {
		s.tellLimits(limit)
		checkFiles(s.cfg, limit, s.log)
	}
	s.log.Info("listening", "address", s.Addr().String(), "tls", s.tls != nil)
	if s.cfg.Rules.Path != "" {
		if err := s.deploys.File(ctx, s.cfg.Rules.Path, s.rules); err != nil && ctx.Err() == nil {
			return err
		}
	}
	var running errgroup.Group
	sourceCtx, stopSources := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSources()
	for _, src := range s.sources {
		running.Go(func() error {
			err := src.Run(sourceCtx)
			if err != nil {
				s.log.Error("source stopped; clients are still served what is stored", "error", err)
			}
			return nil
		})
	}
	running.Go(func() error { return s.deploys.Run(sourceCtx) })
	running.Go(func() error {
		s.boundMemory(sourceCtx)
		return nil
	})
	<-ctx.Done()
	s.log.Info("stopping")
	s.drain(ctx, web)
	stopSources()
	return running.Wait()
}

// drain says goodbye to the clients.
func (s *Service) drain(ctx context.Context, web *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	s.admin.Close()
	if err := s.server.Shutdown(ctx); err != nil {
		s.log.Warn("some clients did not take their goodbye and were cut off", "error", err)
	}
	_ = web.Shutdown(ctx)
}
