package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/cmd/internal/config"
)

const tokenHelp = `Print a token for a user, to try things out with.

It is signed with the first key of the configuration that holds a secret (kty:
oct), or with --kid another one, or with an RSA private key from --key FILE
(PEM), whose public half is then to be in the configuration.

Values of --claim are JSON; what is no JSON is a text:
  weir token --sub u1 --claim role=admin --claim teams='["a","b"]'`

// tokenOptions are the flags of the command.
type tokenOptions struct {
	subject  string
	claims   []string
	ttl      time.Duration
	audience []string
	keyFile  string
	kid      string
}

func newToken() *cobra.Command {
	var o tokenOptions
	cmd := &cobra.Command{
		Use:   "token --sub USER",
		Short: "Print a token for a user, for development",
		Long:  tokenHelp,
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			claims, err := o.claimSet(time.Now())
			if err != nil {
				return err
			}
			c, err := loadConfig(cmd, false)
			if err != nil {
				return err
			}
			token, err := o.sign(claims, &c.Auth)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	addConfigFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.subject, "sub", "", "the `user` that the token is for")
	flags.StringArrayVar(&o.claims, "claim", nil, "a further claim, `name=value` (can be repeated)")
	flags.DurationVar(&o.ttl, "ttl", time.Hour, "how long the token is valid, at most 24h")
	flags.StringArrayVar(&o.audience, "audience", nil, "the token's `audience` (default: that of the configuration)")
	flags.StringVar(&o.keyFile, "key", "", "sign with the RSA private key in `file`")
	flags.StringVar(&o.kid, "kid", "", "`id` of the key")
	return cmd
}

// claimSet returns the claims that the flags ask for, without audience.
func (o *tokenOptions) claimSet(now time.Time) (map[string]any, error) {
	if o.subject == "" {
		return nil, usagef("--sub is missing: name the user that the token is for")
	}
	if o.ttl < time.Second || o.ttl > auth.MaxLifetime {
		return nil, usagef("--ttl %s is out of range: use 1s to %s", o.ttl, auth.MaxLifetime)
	}
	claims := make(map[string]any)
	for _, claim := range o.claims {
		name, value, err := assignment("--claim", claim)
		if err != nil {
			return nil, err
		}
		if slices.Contains([]string{"sub", "aud", "iat", "exp"}, name) {
			return nil, usagef("--claim %s: use --sub, --audience and --ttl", name)
		}
		claims[name] = value
	}
	claims["sub"] = o.subject
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(o.ttl).Unix()
	return claims, nil
}

// sign adds the audience and signs with the key that the flags choose.
func (o *tokenOptions) sign(claims map[string]any, c *config.Auth) (string, error) {
	audience := o.audience
	if len(audience) == 0 {
		audience = c.Audience
	}
	if len(audience) == 0 {
		return "", errors.New("no audience to sign for: set auth.audience in the configuration or give --audience")
	}
	claims["aud"] = audience
	if o.keyFile != "" {
		return signWithFile(claims, o.keyFile, o.kid)
	}
	for i := range c.JWKS.Keys {
		key := c.JWKS.Keys[i].Key()
		if key.Kty == "oct" && (o.kid == "" || o.kid == key.Kid) {
			return auth.Sign(key, claims)
		}
	}
	if o.kid != "" {
		return "", fmt.Errorf("no key of kty oct and kid %q under auth.jwks.keys in the configuration", o.kid)
	}
	return "", errors.New("no key to sign with: put one of kty oct under auth.jwks.keys in the configuration, or give --key")
}

// signWithFile signs with RS256. The key must have an id: weir looks RSA keys
// up by it.
func signWithFile(claims map[string]any, file, kid string) (string, error) {
	if kid == "" {
		return "", usagef("--kid is missing: give the kid of the key's public half in the configuration")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(text)
	if err != nil {
		return "", fmt.Errorf("read key %s: not an RSA private key in PEM form: %w", file, err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
	token.Header["kid"] = kid
	return token.SignedString(key)
}
