package service

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/weirsync/weir/cmd/internal/config"
)

// certificateCheck is how long a certificate is used without a look at its files.
const certificateCheck = time.Second

// certificate is the server's. It is read again when its files change; while they don't fit together, as in the middle of an exchange, or
// can't be read, the one before stays.
type certificate struct {
	files config.TLS
	log   *slog.Logger

	mu sync.Mutex
	// guarded by mu
	current *tls.Certificate
	stamp   stamp // of the files that were last tried
	checked time.Time
}

// stamp tells whether files have changed.
type stamp struct{ cert, key time.Time }

// listenTLS returns the configuration of the listeners, nil if they have no TLS.
func listenTLS(files config.TLS, log *slog.Logger) (*tls.Config, error) {
	if files.Cert == "" {
		return nil, nil
	}
	c := &certificate{files: files, log: log}
	c.stamp, _ = c.look() // a file that is missing is found next
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("tls: %w; correct tls.cert and tls.key", err)
	}
	c.checked = time.Now()
	// No HTTP/2: it would put all streams of a browser on one connection, where a slow one holds up the others.
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get}, nil
}

// get returns the certificate for a new connection.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) > certificateCheck {
		c.checked = time.Now()
		c.refresh()
	}
	return c.current, nil
}

func (c *certificate) refresh() {
	now, err := c.look()
	if err == nil && now == c.stamp {
		return
	}
	if err == nil {
		err = c.read()
	}
	if err != nil {
		if now != c.stamp {
			c.log.Warn("the certificate can't be read again; the one before is used", "error", err)
		}
		c.stamp = now
		return
	}
	c.stamp = now
	c.log.Info("certificate read again", "valid_until", c.current.Leaf.NotAfter)
}

func (c *certificate) look() (s stamp, err error) {
	cert, err := os.Stat(c.files.Cert)
	if err != nil {
		return s, err
	}
	key, err := os.Stat(c.files.Key)
	if err != nil {
		return s, err
	}
	return stamp{cert.ModTime(), key.ModTime()}, nil
}

func (c *certificate) read() error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err == nil {
		c.current = &pair
	}
	return err
}
