package main

import (
	"cmp"
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
	if url == "" || token == "" {
		c, err := loadConfig(cmd, false)
		if err != nil {
			return nil, err
		}
		url = cmp.Or(url, endpointOf(c))
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
	return adminclient.New(url, token), nil
}

// endpointOf is where a weir with this configuration is reached from its own machine.
func endpointOf(c *config.Config) string {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return endpointDefault // the configuration was checked
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
