package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirsync/weir/clients/auth"
)

func TestSecretsDoNotShow(t *testing.T) {
	const secret = "hunter2"
	c := Default()
	c.API.Tokens = []Secret{secret}
	c.Auth.JWKS.Keys = []JWK{{Kty: "oct", K: secret}}
	c.Auth.JWKSURI = []KeyURI{"https://app:" + secret + "@h/k?apikey=" + secret}
	c.Auth.SupabaseJWTSecret = secret
	c.Sources = []Source{
		{URI: "postgres://app:" + secret + "@db:5432/app"},
		{URI: "host=db user=app password=" + secret},
		{URI: "postgres://app@db/app?password=" + secret},
		{URI: "postgres://app:" + secret + "/x@db:port/app"},
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&out, verb, *c)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c, "uri", c.Sources[0].URI, "token", c.API.Tokens[0])
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "uri", c.Sources[0].URI, "token", c.API.Tokens[0])
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), secret) {
		t.Errorf("secret is printed:\n%s", out.String())
	}
	if want := "app@db:5432/app"; !strings.Contains(out.String(), want) {
		t.Errorf("%s is not printed:\n%s", want, out.String())
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "1024": 1024, "12B": 12, "64KiB": 64 << 10, "256MiB": 256 << 20, "2 GiB": 2 << 30, "1TiB": 1 << 40,
		"5kB": 5000, "8MB": 8e6,
	} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("Bytes %q = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "1 MiBs", "1mib", "9999999999TiB", "99999999999999999999"} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("Bytes %q = %d, want an error", text, got)
		}
	}
	for b, want := range map[Bytes]string{0: "0B", 1: "1B", 1024: "1KiB", 1536: "1536B", 256 * MiB: "256MiB"} {
		if got := b.String(); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", int64(b), got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	var d time.Duration
	if err := setLeaf(reflect.ValueOf(&d).Elem(), "1h30m"); err != nil || d != 90*time.Minute {
		t.Errorf("1h30m = %v, %v", d, err)
	}
	if err := setLeaf(reflect.ValueOf(&d).Elem(), "5"); err == nil {
		t.Errorf("5 = %v, want an error", d)
	}
}

func TestClientAuth(t *testing.T) {
	c := Default()
	c.Auth.JWKSURI, c.Auth.AllowIPRanges = []KeyURI{"https://a/k"}, []AddressRange{"10.0.0.0/8"}
	c.Auth.Audience, c.Auth.Supabase, c.Auth.SupabaseJWTSecret = []string{"weir"}, true, "s"
	c.Sources = []Source{{URI: "postgres://u@h/d"}, {URI: "postgres://u@db.project.supabase.co/d"}}
	want := auth.Config{
		Audience: []string{"weir"}, URIs: []string{"https://a/k"},
		Addresses: auth.Addresses{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		Supabase:  auth.Supabase{URI: "https://project.supabase.co/auth/v1/.well-known/jwks.json", Secret: "s"},
	}
	sameRange := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(want, c.ClientAuth(), cmpopts.IgnoreUnexported(auth.Config{}), sameRange); diff != "" {
		t.Errorf("auth config (-want +got):\n%s", diff)
	}
	c.Auth.BlockLocalJWKS = false
	if !c.ClientAuth().Addresses.AllowLocal {
		t.Error("block_local_jwks: false allows no local address")
	}
}
