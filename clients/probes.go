package clients

import (
	"net/http"
	"time"

	"github.com/weirsync/weir/clients/reply"
)

// livenessLimit is how long replication may show nothing before a process counts as hanging.
const livenessLimit = 10 * time.Second

// probeBody is the body of every probe, without a data wrapper.
type probeBody struct {
	Ready     bool     `json:"ready"`
	Started   bool     `json:"started"`
	TouchedAt string   `json:"touched_at"`
	Reasons   []string `json:"reasons,omitempty"` // not in the protocol: unknown members are ignored
}

func (s *Server) serveStartup(w http.ResponseWriter, _ *http.Request) {
	p := s.cfg.Health.Probe()
	writeProbe(w, p, p.Started)
}

func (s *Server) serveReadiness(w http.ResponseWriter, _ *http.Request) {
	p := s.cfg.Health.Probe()
	p.Ready = p.Ready && s.draining.Err() == nil
	writeProbe(w, p, p.Ready)
}

func (s *Server) serveLiveness(w http.ResponseWriter, _ *http.Request) {
	p := s.cfg.Health.Probe()
	writeProbe(w, p, p.Touched.IsZero() || time.Since(p.Touched) <= livenessLimit)
}

func writeProbe(w http.ResponseWriter, p Probe, ok bool) {
	status := http.StatusOK
	if !ok {
		status = http.StatusBadRequest
	}
	reply.JSON(w, status, probeBody{
		Ready: p.Ready, Started: p.Started, TouchedAt: p.Touched.UTC().Format("2006-01-02T15:04:05.000Z"), Reasons: p.Reasons,
	})
}
