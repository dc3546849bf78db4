package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/cmd/internal/syncview"
)

const syncHelp = `Print the rows that a user gets, then each change of them.

It is a client like the SDKs: it downloads the buckets of the token's user,
verifies their checksums, and shows rows only when a checkpoint is whole. With
--json each change is a line; the rows that are there at first are inserts.

Values of --param are JSON; what is no JSON is a text. --stream subscribes to a
stream beside those that are subscribed to by default, with parameters if need
be: --stream 'project={"id":"p1"}'

Exit codes: 0 stopped by a signal, or --once is done; 1 weir refused, could not
be reached at first, or with --once failed.`

const (
	endpointDefault = "http://127.0.0.1:8080"
	tokenVar        = "WEIR_TOKEN"
)

// transports are what --transport may say.
var transports = map[string]syncclient.Transport{"http": syncclient.HTTP, "ws": syncclient.WebSocket}

// syncOptions are the flags of the command.
type syncOptions struct {
	endpoint  string
	token     string
	transport string
	params    []string
	streams   []string
	json      bool
	once      bool
}

func newSync() *cobra.Command {
	var o syncOptions
	cmd := &cobra.Command{
		Use:   "sync --token TOKEN",
		Short: "Print a user's rows as they change",
		Long:  syncHelp,
		Args:  takes(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.endpoint, "endpoint", endpointDefault, "`URL` of weir")
	flags.StringVar(&o.token, "token", "", "token of the user (also "+tokenVar+")")
	flags.StringVar(&o.transport, "transport", "http", "how to connect, `http or ws`")
	flags.StringArrayVar(&o.params, "param", nil, "a client parameter, `name=value` (can be repeated)")
	flags.StringArrayVar(&o.streams, "stream", nil, "`name` of a stream to subscribe to (can be repeated)")
	flags.BoolVar(&o.json, "json", false, "print a JSON object for each change")
	flags.BoolVar(&o.once, "once", false, "end after the first checkpoint")
	return cmd
}

func (o *syncOptions) run(cmd *cobra.Command) error {
	opts, err := o.client()
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	view := syncview.NewTable(out, colorful(out))
	if o.json {
		view = syncview.NewJSON(out)
	}
	f := &follower{view: view, once: o.once, notes: cmd.ErrOrStderr()}
	return f.follow(cmd.Context(), opts)
}

// client returns what the flags say of the client.
func (o *syncOptions) client() (opts syncclient.Options, err error) {
	transport, ok := transports[o.transport]
	if !ok {
		return opts, usagef("--transport %q is neither http nor ws", o.transport)
	}
	token := cmp.Or(o.token, os.Getenv(tokenVar))
	if token == "" {
		return opts, usagef("--token is missing: make one with weir token, and give it here or as %s", tokenVar)
	}
	opts = syncclient.Options{Transport: transport, Token: syncclient.StaticToken(token)}
	if opts.Endpoint, err = endpoint(o.endpoint); err != nil {
		return opts, err
	}
	if opts.Parameters, err = parameters(o.params); err != nil {
		return opts, err
	}
	for _, text := range o.streams {
		stream, err := subscription(text)
		if err != nil {
			return opts, err
		}
		opts.Streams = append(opts.Streams, stream)
	}
	// Not the default client, whose idle connections outlive the command.
	opts.HTTPClient = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}
	return opts, nil
}

// endpoint returns the URL as the client takes it.
func endpoint(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", usagef("--endpoint %q is not a URL such as %s", text, endpointDefault)
	}
	return strings.TrimRight(text, "/"), nil
}

// parameters makes the object of client parameters, nil if there are none.
func parameters(list []string) (json.RawMessage, error) {
	if len(list) == 0 {
		return nil, nil
	}
	object := map[string]any{}
	for _, text := range list {
		name, value, err := assignment("--param", text)
		if err != nil {
			return nil, err
		}
		object[name] = value
	}
	return json.Marshal(object)
}

// subscription reads NAME, or NAME={...} with the stream's parameters.
func subscription(text string) (syncclient.Stream, error) {
	name, object, given := strings.Cut(text, "=")
	stream := syncclient.Stream{Name: name}
	if name == "" || given && (!json.Valid([]byte(object)) || !strings.HasPrefix(object, "{")) {
		return stream, usagef(`--stream %q is neither a name nor name={"parameter":"value"}`, text)
	}
	if given {
		stream.Parameters = json.RawMessage(object)
	}
	return stream, nil
}
