package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/cmd/internal/adminclient"
	"github.com/weirsync/weir/cmd/internal/config"
)

const (
	apiTokenVar = "WEIR_API_TOKEN"
	endpointVar = "WEIR_ENDPOINT"
)

// addAdminFlags gives a command what it needs to call a running weir.
func addAdminFlags(cmd *cobra.Command) {
	addConfigFlag(cmd)
	flags := cmd.Flags()
	flags.String("endpoint", "", "`URL` of the running weir (default: where the configuration listens; also "+endpointVar+")")
	flags.String("api-token", "", "`token` of its API (default: the first of api.tokens in the configuration; also "+apiTokenVar+")")
}

// adminClient returns a client as the command's flags say, else the environment, else the configuration. Close it.
func adminClient(cmd *cobra.Command) (*adminclient.Client, error) {
	url := cmp.Or(cmd.Flag("endpoint").Value.String(), os.Getenv(endpointVar))
	token := cmp.Or(cmd.Flag("api-token").Value.String(), os.Getenv(apiTokenVar))
	var trusted *tls.Config
	if url == "" || token == "" {
		c, err := loadConfig(cmd, false)
		if err != nil {
			return nil, err
		}
		if url == "" {
			url = localURL(c, cmp.Or(c.API.Listen, c.Listen))
			if trusted, err = trust(c.TLS.Cert); err != nil {
				return nil, err
			}
		}
		if len(c.API.Tokens) > 0 {
			token = cmp.Or(token, string(c.API.Tokens[0]))
		}
	}
	if token == "" {
		return nil, usagef("no token for weir's API: put one under api.tokens in the configuration, or give --api-token or %s", apiTokenVar)
	}
	url, err := endpoint(url)
	if err != nil {
		return nil, err
	}
	return adminclient.New(url, token, trusted), nil
}

// localURL is where one of the addresses that a weir with this configuration listens on is reached from its own machine.
func localURL(c *config.Config, listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return endpointDefault // the configuration was checked
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if c.TLS.Cert != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// trust accepts the certificate of a file, whatever host it is for and whoever has signed it: it is that of the weir that the
// configuration is of. It is nil if there is no file.
func trust(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read certificate: %s is not PEM", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	cfg := &tls.Config{RootCAs: pool}
	switch {
	case len(cert.DNSNames) > 0:
		cfg.ServerName = cert.DNSNames[0]
	case len(cert.IPAddresses) > 0:
		cfg.ServerName = cert.IPAddresses[0].String()
	}
	return cfg, nil
}
