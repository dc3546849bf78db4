package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/weirsync/weir/cmd/internal/config"
)

const subjectListen = "listen"

// certificateSoon is how long before its end a certificate should have been renewed.
const certificateSoon = 14 * 24 * time.Hour

func (f *Findings) listen(cfg *config.Config) {
	if cfg.TLS.Cert != "" {
		f.certificate(cfg.TLS)
		return
	}
	if !local(cfg.Listen) {
		f.warn(CodeExposed, subjectListen, fmt.Sprintf("%s can be reached from other machines, without TLS", cfg.Listen),
			"write tls.cert and tls.key, or let only a proxy that does TLS reach it")
		return
	}
	f.ok(subjectListen, cfg.Listen+" can be reached from this machine only")
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
