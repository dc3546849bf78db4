package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSecretsDoNotShow(t *testing.T) {
	const secret = "hunter2"
	c := Default()
	c.API.Tokens = []Secret{secret}
	c.Auth.JWKS.Keys = []JWK{{Kty: "oct", K: secret}}
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
