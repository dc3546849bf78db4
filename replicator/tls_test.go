package replicator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirsync/weir/replicator/pgtest"
)

// authority signs certificates of tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = a.sign(template, name)
	return a
}

// sign writes name.crt and name.key; the first certificate of an authority is signed by itself.
func (a *authority) sign(template *x509.Certificate, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	a.write(name+".key", "PRIVATE KEY", secret)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// leaf signs a certificate for a host or a user.
func (a *authority) leaf(file, commonName string, hosts []string, ips ...net.IP) {
	a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: commonName}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: hosts, IPAddresses: ips, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, file)
}

func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// secureServer starts a server that takes TLS only: user pass by password, user cert by a certificate that our authority has signed.
func secureServer(t *testing.T, ca *authority, hosts []string, ips ...net.IP) (*pgtest.Server, *pgtest.Database) {
	t.Helper()
	server := pgtest.StartServer(t, pgtest.Options{})
	d := pgtest.NewOn(t, server)
	d.Exec(itemTable + `CREATE ROLE pass SUPERUSER LOGIN PASSWORD 'secret-word'; CREATE ROLE cert SUPERUSER LOGIN`)
	d.Exec("ALTER SYSTEM SET ssl_ca_file = 'ca.crt'")
	d.Exec("ALTER SYSTEM SET ssl = on")
	ca.leaf("server", "server", hosts, ips...)
	for _, name := range []string{"ca.crt", "server.crt", "server.key"} {
		give(t, filepath.Join(ca.dir, name), server.DataDir(), name)
	}
	hba := filepath.Join(server.DataDir(), "pg_hba.conf")
	lines := "hostssl all pass all scram-sha-256\nhostssl all cert all cert\nhost all postgres all trust\n"
	if err := os.WriteFile(hba, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server, d
}

// give copies a file to where the server finds it, as the server's user's.
func give(t *testing.T, from, dir, name string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, name)
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.Chown(to, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
}

// secureURI names a user and the parameters of the connection.
func secureURI(t *testing.T, d *pgtest.Database, host, user, password string, params map[string]string) string {
	t.Helper()
	u, err := url.Parse(d.URI())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	u.Host = net.JoinHostPort(host, u.Port())
	query := url.Values{}
	for name, value := range params {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// TestTLS: every sslmode of libpq, with password and with certificate, does what libpq's does, or says what is wrong.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	other := newAuthority(t, dir, "other")
	_, d := secureServer(t, ca, []string{"localhost"})
	ca.leaf("cert", "cert", nil)
	ca.leaf("wrong", "somebody", nil)
	other.leaf("stranger", "cert", nil)
	ca.sign(&x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "cert"}, NotAfter: time.Now().Add(-time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, "expired")
	file := func(name string) string { return filepath.Join(dir, name) }
	certificate := func(name string, params map[string]string) map[string]string {
		params["sslcert"], params["sslkey"] = file(name+".crt"), file(name+".key")
		return params
	}
	const local, ip = "localhost", "127.0.0.1"
	for _, c := range []struct {
		name, host, user string
		params           map[string]string
		want             Code // "": it connects
	}{
		{"disable", ip, "pass", map[string]string{"sslmode": "disable"}, CodeLogin},
		{"allow", ip, "pass", map[string]string{"sslmode": "allow"}, ""},
		{"prefer", ip, "pass", map[string]string{"sslmode": "prefer"}, ""},
		{"require", ip, "pass", map[string]string{"sslmode": "require"}, ""},
		{"require with an authority", ip, "pass", map[string]string{"sslmode": "require", "sslrootcert": file("ca.crt")}, ""},
		{"require with another authority", ip, "pass", map[string]string{"sslmode": "require", "sslrootcert": file("other.crt")}, CodeTLS},
		{"verify-ca", ip, "pass", map[string]string{"sslmode": "verify-ca", "sslrootcert": file("ca.crt")}, ""},
		{"verify-ca of another", ip, "pass", map[string]string{"sslmode": "verify-ca", "sslrootcert": file("other.crt")}, CodeTLS},
		{"verify-full", local, "pass", map[string]string{"sslmode": "verify-full", "sslrootcert": file("ca.crt")}, ""},
		{"verify-full of another host", ip, "pass", map[string]string{"sslmode": "verify-full", "sslrootcert": file("ca.crt")}, CodeTLS},
		{"certificate", ip, "cert", certificate("cert", map[string]string{"sslmode": "require"}), ""},
		{"certificate, verify-full", local, "cert", certificate("cert", map[string]string{"sslmode": "verify-full", "sslrootcert": file("ca.crt")}), ""},
		{"no certificate", ip, "cert", map[string]string{"sslmode": "require"}, CodeLogin},
		{"certificate of another user", ip, "cert", certificate("wrong", map[string]string{"sslmode": "require"}), CodeLogin},
		// Go does not even send one that the server says it would not take.
		{"certificate of another authority", ip, "cert", certificate("stranger", map[string]string{"sslmode": "require"}), CodeLogin},
		{"expired certificate", ip, "cert", certificate("expired", map[string]string{"sslmode": "require"}), CodeTLS},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{URI: secureURI(t, d, c.host, c.user, "secret-word", c.params), Slot: "tls", Publication: "tls"}
			pooled := New(cfg, nil)
			if err := pooled.openPools(); err != nil {
				t.Fatal(err)
			}
			defer pooled.closePools()
			replicate := func() error {
				stream, err := cfg.connectReplication(t.Context(), nil)
				if err != nil {
					return err
				}
				return stream.Close(t.Context())
			}
			for _, connect := range []func() error{func() error { return pooled.inspect(t.Context()) }, replicate} {
				err := connect()
				// A server that refuses a certificate closes the connection, which can overtake what it says.
				for tries := 20; tries > 0 && c.want == CodeTLS && slices.Equal(codes(faultsOf(err)), []Code{CodeUnreachable}); tries-- {
					err = connect()
				}
				if got := codes(faultsOf(err)); c.want == "" && err != nil || c.want != "" && !slices.Equal(got, []Code{c.want}) {
					t.Errorf("got %v, want code %q", err, c.want)
				}
			}
		})
	}
}

// TestTLSOfASource: a source replicates over TLS with a certificate, and takes one that was renewed meanwhile without a restart.
func TestTLSOfASource(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	_, d := secureServer(t, ca, []string{"localhost"})
	ca.leaf("cert", "somebody", nil)
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.URI = secureURI(t, d, "localhost", "cert", "", map[string]string{
			"sslmode": "verify-full", "sslrootcert": filepath.Join(dir, "ca.crt"),
			"sslcert": filepath.Join(dir, "cert.crt"), "sslkey": filepath.Join(dir, "cert.key"),
		})
	})
	w.start()
	if f := w.faulty(CodeLogin); strings.Contains(f.Error(), "secret-word") {
		t.Errorf("the password is shown: %v", f)
	}
	ca.leaf("cert", "cert", nil)
	w.compare(itemTruth)
	if n := d.Value("SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE application_name LIKE 'weir %' AND NOT ssl"); n != "0" {
		t.Errorf("%s sessions of weir have no TLS", n)
	}
}
