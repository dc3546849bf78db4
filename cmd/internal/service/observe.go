package service

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/cmd/internal/metrics"
	"github.com/weirsync/weir/cmd/internal/version"
)

// listenBack listens where only operators reach, if that is configured.
func listenBack(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := clients.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("listen for API and metrics: %w; choose another api.listen", err)
	}
	return l, nil
}

// BackAddr is where API, metrics and profiles are; nil if they are at Addr.
func (s *Service) BackAddr() net.Addr {
	if s.back == nil {
		return nil
	}
	return s.back.Addr()
}

// headersMax bounds what anybody can have us hold before a request is known to be one. A token is in it.
const headersMax = 64 << 10

func (s *Service) web(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: headersMax, ConnContext: s.server.ConnContext, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// serveOn serves with TLS, if that is configured.
func (s *Service) serveOn(web *http.Server, l net.Listener) error {
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	return web.Serve(l)
}

// front is what clients reach. What is the operators' is there too if it has no listener of its own, and needs a token then.
func (s *Service) front() http.Handler {
	if s.back != nil {
		return s.server.Handler()
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.server.Handler())
	mux.Handle("GET /metrics", s.admin.Guard(s.metrics()))
	return mux
}

// backHandler is what operators reach. The API needs a token here too: it changes things.
func (s *Service) backHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", s.admin)
	mux.Handle("GET /metrics", s.metrics())
	if s.cfg.API.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func (s *Service) metrics() http.Handler {
	p := metrics.Process{Version: version.Name(), Store: s.store, Server: s.server, Health: health{s.store, s.sources}}
	for i, src := range s.sources {
		p.Sources = append(p.Sources, metrics.Source{Slot: s.cfg.Sources[i].Slot, Source: src})
	}
	return metrics.Handler(p)
}
