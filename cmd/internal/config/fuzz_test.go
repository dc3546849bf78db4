package config

import (
	"errors"
	"strings"
	"testing"
)

// FuzzLoad: whatever the file holds, Load ends with a configuration or with
// faults, and a variable's value is not among what it says.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"",
		"listen: :80",
		"sources:\n  - {uri: 'postgres://u:${S}@h/d', slot: ${S}}\napi: {tokens: [\"${S}\"]}",
		"sources: [{uri: \"${S}\"}, {uri: ${S}}]",
		"listen: ${S}\nlog: {level: ${S}, format: x${S}}\nsnapshot:\n  workers: ${S}",
		"auth: {jwks: {keys: [{kty: ${S}}, {kty: EC, crv: \"${S}\"}, {kty: oct, alg: x, k: a}]}}",
		"a: &x [*x]\n? b\n<<: *x\n--- !!str c\n",
		"store: |\n  a\n b: \"c\n",
	} {
		f.Add([]byte(seed))
	}
	const value = "q7-Secret-z9"
	f.Fuzz(func(t *testing.T, text []byte) {
		in := Input{
			File:   "weir.yaml",
			Text:   text,
			Getenv: lookup(map[string]string{"S": value}),
		}
		c, err := Load(in)
		if err == nil {
			if c == nil {
				t.Fatal("neither configuration nor faults")
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("error %v is no Faults", err)
		}
		if strings.Contains(err.Error(), value) {
			t.Fatalf("a variable's value is shown:\n%v", err)
		}
	})
}
