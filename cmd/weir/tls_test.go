package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/replicator/pgtest"
)

// selfSigned makes a certificate for a host that is not this machine.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"weir.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestCommandsOverTLS: where weir speaks TLS, its commands find and trust it by its configuration, on either listener, and nobody else
// without it.
func TestCommandsOverTLS(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY)")
	for _, own := range []bool{false, true} {
		p := newProcess(t, db, "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n")
		cert, key := selfSigned(t)
		p.configure("tls: {cert: " + cert + ", key: " + key + "}\n")
		if own {
			t.Setenv("WEIR_API_LISTEN", freeAddress(t))
		}
		p.start()
		p.awaitProbe("readiness", exitOK)
		for _, c := range []struct {
			args []string
			code int
			want string
		}{
			{[]string{"status", "--config", p.config()}, exitOK, "default"},
			{[]string{"rules", "history", "--config", p.config()}, exitOK, "active"},
			{[]string{"backup", filepath.Join(p.dir, "weir.bak"), "--config", p.config()}, exitOK, "weir.bak: "},
			{[]string{"doctor", "--config", p.config()}, exitOK, "the certificate is valid until"},
			{[]string{"status", "--endpoint", "https" + strings.TrimPrefix(p.endpoint, "http"), "--api-token", "x"}, exitFault, "certificate"},
		} {
			if code, out, faults := runCommand(t, "", c.args...); code != c.code || !strings.Contains(out+faults, c.want) {
				t.Errorf("%q, API apart %t: exit %d\n%s%s, want %d and %q", c.args, own, code, out, faults, c.code, c.want)
			}
		}
		p.stop()
	}
}
