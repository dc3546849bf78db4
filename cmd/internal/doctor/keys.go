package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/cmd/internal/config"
)

const subjectKeys = "keys"

// keys looks at what clients' tokens are verified with, and at the token of the API.
func (f *Findings) keys(ctx context.Context, cfg *config.Config) {
	verifier, err := auth.New(cfg.ClientAuth())
	if err != nil {
		f.fault(CodeKeys, subjectKeys, err.Error(), "correct the key under auth.jwks.keys")
		return
	}
	trials := verifier.Try(ctx)
	if verifier.Static()+len(trials) == 0 {
		f.warn(CodeKeys, subjectKeys, "there are no keys, so no client can connect",
			"write auth.jwks_uri, or a key under auth.jwks.keys: weir token generate --help shows one")
	}
	if n := verifier.Static(); n > 0 {
		f.ok(subjectKeys, fmt.Sprintf("the configuration holds %d", n))
	}
	for _, t := range trials {
		if t.Err == nil {
			f.ok(subjectKeys, fmt.Sprintf("%s gave %d", t.Host, t.Keys))
			continue
		}
		cause := t.Err
		if next := errors.Unwrap(cause); next != nil {
			cause = next
		}
		f.fault(CodeKeyFetch, subjectKeys, fmt.Sprintf("the keys of %s can't be fetched: %v", t.Host, cause),
			"check auth.jwks_uri, the way from here to that host, and auth.jwks_allow_ip_ranges if it is a local one")
	}
	if len(cfg.API.Tokens) == 0 {
		f.warn(CodeAPIToken, subjectAPI, "there is no token, so weir status, deploys by command and metrics don't work",
			"write a random text of at least 16 characters under api.tokens")
	}
}
