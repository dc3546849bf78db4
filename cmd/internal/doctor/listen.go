package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/weirsync/weir/cmd/internal/config"
)

const (
	subjectListen = "listen"
	subjectAPI    = "api"
)

// certificateSoon is how long before its end a certificate should have been renewed.
const certificateSoon = 14 * 24 * time.Hour

func (f *Findings) listen(cfg *config.Config) {
	if cfg.TLS.Cert != "" {
		f.certificate(cfg.TLS)
	} else {
		f.reach(subjectListen, cfg.Listen)
	}
	if cfg.API.Listen == "" {
		return
	}
	if cfg.TLS.Cert == "" {
		f.reach(subjectAPI, cfg.API.Listen)
	}
	if cfg.API.Pprof && !local(cfg.API.Listen) {
		f.warn(CodeExposed, subjectAPI, fmt.Sprintf("profiles can be had from other machines at %s, without a token", cfg.API.Listen),
			"switch api.pprof off when you don't need it, or let api.listen be 127.0.0.1:PORT")
	}
}

// reach tells who can come to an address that has no TLS.
func (f *Findings) reach(subject, address string) {
	if local(address) {
		f.ok(subject, address+" can be reached from this machine only")
		return
	}
	f.warn(CodeExposed, subject, fmt.Sprintf("%s can be reached from other machines, without TLS", address),
		"write tls.cert and tls.key, or let only a proxy that does TLS reach it")
}

func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

func (f *Findings) certificate(t config.TLS) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err == nil && pair.Leaf == nil {
		pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	if err != nil {
		f.fault(CodeCertificate, subjectListen, "the certificate can't be used: "+err.Error(), "correct tls.cert and tls.key")
		return
	}
	end := pair.Leaf.NotAfter
	message := fmt.Sprintf("the certificate is valid until %s", end.UTC().Format(time.DateTime))
	const hint = "put a renewed one in its place: weir notices it without a restart"
	switch left := time.Until(end); {
	case left <= 0:
		f.fault(CodeCertificate, subjectListen, fmt.Sprintf("the certificate ended at %s", end.UTC().Format(time.DateTime)), hint)
	case left < certificateSoon:
		f.warn(CodeCertificate, subjectListen, message, hint)
	default:
		f.ok(subjectListen, message)
	}
}
