package service

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/cmd/internal/config"
)

// writeCertificate makes a certificate of 127.0.0.1 with a serial number to know it by.
func writeCertificate(t *testing.T, files config.TLS, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serialAt connects and returns the serial number of the server's certificate.
func serialAt(t *testing.T, address string) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // what it is is what is tested
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// eventually polls what time alone brings.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not reached: %s", what)
		}
	}
}

// Both listeners speak TLS. A certificate that is replaced is used by the next connections; one that does not fit its key, or is gone, is
// not, and the one before stays.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cfg := newConfig(t, "postgres://app@127.0.0.1:1/app", everyItem)
	cfg.TLS = config.TLS{Cert: filepath.Join(dir, "weir.crt"), Key: filepath.Join(dir, "weir.key")}
	if _, err := New(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "tls.cert") {
		t.Fatalf("without files: %v", err)
	}
	writeCertificate(t, cfg.TLS, 1)
	front, back, _ := startObserved(t, cfg, slog.New(slog.DiscardHandler))
	front, back = strings.TrimPrefix(front, "http://"), strings.TrimPrefix(back, "http://")
	for _, address := range []string{front, back} {
		if serial := serialAt(t, address); serial != 1 {
			t.Errorf("serial %d, want 1", serial)
		}
	}
	key, err := os.ReadFile(cfg.TLS.Key)
	if err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, cfg.TLS, 2)
	eventually(t, "the second certificate", func() bool { return serialAt(t, front) == 2 && serialAt(t, back) == 2 })
	if err := os.WriteFile(cfg.TLS.Key, key, 0o600); err != nil { // the first one's key
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * certificateCheck); time.Now().Before(deadline); {
		if serial := serialAt(t, front); serial != 2 {
			t.Fatalf("serial %d, want 2", serial)
		}
	}
	if err := os.Remove(cfg.TLS.Key); err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, cfg.TLS, 3)
	eventually(t, "the third certificate", func() bool { return serialAt(t, front) == 3 })
}
