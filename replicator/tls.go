package replicator

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
)

// refreshTLS has a pool read the certificates of its address again before each connection: they may have been renewed.
func refreshTLS(uri string) func(context.Context, *pgx.ConnConfig) error {
	return func(_ context.Context, conn *pgx.ConnConfig) error {
		now, err := parseURI(uri)
		if err != nil {
			return &Fault{Code: CodeURI, Message: err.Error()}
		}
		conn.TLSConfig, conn.Fallbacks, conn.Password = now.TLSConfig, now.Fallbacks, now.Password
		return nil
	}
}

// distrust says why the two ends could not agree on TLS; "" if err is about something else.
func distrust(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by an authority that is not trusted here"
	case errors.As(err, &host):
		return "its certificate is for other names: " + strings.Join(host.Certificate.DNSNames, ", ")
	case errors.As(err, &invalid):
		return "its certificate is not valid: " + invalid.Error()
	case errors.As(err, &alert) && alert.Op == "remote error":
		return "it does not accept this end's certificate: " + alert.Err.Error()
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return "it has TLS switched off"
	}
	return ""
}

func tlsFault(where, why string) *Fault {
	return &Fault{
		Code:    CodeTLS,
		Message: fmt.Sprintf("no TLS with Postgres at %s: %s", where, why),
		Hint: "see sslmode, sslrootcert, sslcert and sslkey of the source's uri; a server without TLS gets it with: " +
			"ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf()",
	}
}
