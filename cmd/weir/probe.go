package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const probeHelp = `Ask the weir of this machine how it is, as health checks do: startup (it listens),
liveness (it works), or readiness (clients can be served; the answer says why not).

It needs no token. The exit code is 0 if the answer is yes. The address is that
of the configuration where clients connect.`

// probePatience is less than health checks are used to wait.
const probePatience = 4 * time.Second

// probes are the routes below /probes.
var probes = []string{"startup", "liveness", "readiness"}

func newProbe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "probe " + strings.Join(probes, "|"),
		Short: "Ask the weir of this machine whether it is alive or ready",
		Long:  probeHelp,
		Args:  takes(cobra.ExactArgs(1)),
		RunE:  probe,
	}
	addConfigFlag(cmd)
	cmd.Flags().String("listen", "", "`host:port` that weir listens on")
	cmd.Flags().Lookup("listen").Annotations = map[string][]string{keyAnnotation: {"listen"}}
	return cmd
}

func probe(cmd *cobra.Command, args []string) error {
	if !slices.Contains(probes, args[0]) {
		return usagef("%q is no probe: there are %s", args[0], strings.Join(probes, ", "))
	}
	c, err := loadConfig(cmd, false)
	if err != nil {
		return err
	}
	trusted, err := trust(c.TLS.Cert)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: probePatience, Transport: &http.Transport{TLSClientConfig: trusted, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, localURL(c, c.Listen)+"/probes/"+args[0], nil)
	if err != nil {
		return fmt.Errorf("ask weir: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("weir does not answer: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read weir's answer: %w", err)
	}
	_, _ = fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace(string(text)))
	if resp.StatusCode != http.StatusOK {
		return errReported
	}
	return nil
}
