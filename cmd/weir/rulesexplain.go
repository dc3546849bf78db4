package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/syncrules"
)

const rulesExplainHelp = `Say what each definition of a rules file does: which tables it reads, the names
of its buckets with what stands for each parameter, the index lookups by which
a request finds them, and the compiled conditions and columns of its rows.

With --token-claims it also says what a user with these claims gets: bucket
names, and where they depend on rows of a table, which rows those are. Streams
without auto_subscribe are shown for each --stream.

FILE is a rules file, or - for standard input.

Exit codes: 0 the rules can be deployed, 1 they cannot or the request fails.`

// explainOptions are the flags of the command.
type explainOptions struct {
	claims     string
	parameters string
	streams    []string
	json       bool
}

func newRulesExplain() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Say what rules do, and what a user gets",
		Long:  rulesExplainHelp,
		Args:  takes(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := o.request()
			if err != nil {
				return err
			}
			text, err := readInput(args[0], cmd.InOrStdin())
			if err != nil {
				return fmt.Errorf("read rules: %w", err)
			}
			return explainRules(cmd.OutOrStdout(), args[0], text, req, o.json)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.claims, "token-claims", "", "claims of a user's token, a `JSON` object")
	flags.StringVar(&o.parameters, "parameters", "", "client parameters, a `JSON` object")
	flags.StringArrayVar(&o.streams, "stream", nil, `stream to subscribe to, `+"`name`"+` or name={"parameter":"value"} (can be repeated)`)
	flags.BoolVar(&o.json, "json", false, "print a JSON object")
	return cmd
}

// request is what the flags describe; nil if they describe none.
func (o *explainOptions) request() (*syncrules.Request, error) {
	if o.claims == "" && o.parameters == "" && len(o.streams) == 0 {
		return nil, nil
	}
	req := &syncrules.Request{}
	for _, flag := range []struct {
		name, text string
		into       *json.RawMessage
	}{{"--token-claims", o.claims, &req.Claims}, {"--parameters", o.parameters, &req.Parameters}} {
		if flag.text != "" && !isObject(flag.text) {
			return nil, usagef("%s %q is not a JSON object", flag.name, flag.text)
		}
		*flag.into = json.RawMessage(flag.text)
	}
	for _, text := range o.streams {
		name, object, _ := strings.Cut(text, "=")
		if name == "" || object != "" && !isObject(object) {
			return nil, usagef(`--stream %q is neither a name nor name={"parameter":"value"}`, text)
		}
		req.Subscriptions = append(req.Subscriptions, syncrules.Subscription{Stream: name, Parameters: json.RawMessage(object)})
	}
	return req, nil
}

func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}

// explanation is what is printed.
type explanation struct {
	Definitions []syncrules.Explanation `json:"definitions"`
	User        []syncrules.Preview     `json:"user,omitempty"`
}

func explainRules(out io.Writer, file string, text []byte, req *syncrules.Request, asJSON bool) error {
	program, found := syncrules.Compile(text, syncrules.CompileOptions{})
	if program == nil {
		if _, err := io.WriteString(out, found.Render(file, text)); err != nil {
			return err
		}
		return errReported
	}
	x := explanation{}
	for _, d := range program.Definitions() {
		x.Definitions = append(x.Definitions, d.Explain())
	}
	if req != nil {
		var err error
		if x.User, err = program.Preview(req); err != nil {
			return fmt.Errorf("the whole request fails: %w", err)
		}
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(x)
	}
	_, err := io.WriteString(out, x.String())
	return err
}

// String shows the explanation for people.
func (x explanation) String() string {
	var b strings.Builder
	for i, d := range x.Definitions {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(d.String())
	}
	if x.User != nil {
		b.WriteString("\nthis user gets\n")
		for _, p := range x.User {
			b.WriteString(p.String())
		}
	}
	return b.String()
}
