package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
)

// TestLoad shows what an operator sees. The input is the file; env and flags
// are NAME=TEXT.
func TestLoad(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			in := Input{File: "weir.yaml", Text: []byte(d.Input), NeedSource: !d.HasArg("no-source")}
			env := make(map[string]string)
			for _, arg := range d.CmdArgs {
				for _, val := range arg.Vals {
					name, text, _ := strings.Cut(val, "=")
					switch arg.Key {
					case "env":
						env[name] = text
					case "flags":
						in.Flags = append(in.Flags, Flag{Name: "--" + name, Key: flagKeys[name], Text: text})
					}
				}
			}
			in.Getenv = lookup(env)
			config, err := Load(in)
			if err == nil {
				return dump(config)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: secret is shown:\n%v", d.Pos, err)
			}
			return err.Error()
		})
	})
}

var flagKeys = map[string]string{"listen": "listen", "source": "sources[0].uri", "log-level": "log.level"}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		text, set := env[name]
		return text, set
	}
}

// dump writes what is not as Default has it.
func dump(c *Config) string {
	var b strings.Builder
	var walk func(got, def reflect.Value, path string)
	walk = func(got, def reflect.Value, path string) {
		switch got.Kind() {
		case reflect.Struct:
			for i, key := range keysOf(got.Type()) {
				walk(got.Field(i), def.Field(i), child(path, key))
			}
		case reflect.Slice:
			for i := range got.Len() {
				walk(got.Index(i), reflect.Zero(got.Type().Elem()), element(path, i))
			}
		default:
			if !got.Equal(def) {
				fmt.Fprintf(&b, "%s = %v\n", path, got.Interface())
			}
		}
	}
	walk(reflect.ValueOf(c).Elem(), reflect.ValueOf(Default()).Elem(), "")
	return b.String()
}

func TestEveryKeyHasItsOwnVariable(t *testing.T) {
	keys := make(map[string]string)
	var walk func(ty reflect.Type, path string)
	walk = func(ty reflect.Type, path string) {
		switch ty.Kind() {
		case reflect.Struct:
			for i, key := range keysOf(ty) {
				if key == "" {
					t.Errorf("%s.%s has no key", path, ty.Field(i).Name)
				}
				walk(ty.Field(i).Type, child(path, key))
			}
			return
		case reflect.Slice:
			walk(ty.Elem(), element(path, 0))
		}
		name := envName(path)
		if other := keys[name]; other != "" {
			t.Errorf("%s and %s are both variable %s", path, other, name)
		}
		keys[name] = path
	}
	walk(reflect.TypeFor[Config](), "")
	if keys["WEIR_SNAPSHOT_MEMORY_LIMIT"] != "snapshot.memory_limit" || keys["WEIR_SOURCES_0_URI"] != "sources[0].uri" {
		t.Errorf("variables are %v", keys)
	}
}

func TestSecretsReachTheConfig(t *testing.T) {
	env := lookup(map[string]string{
		"PASSWORD":   "pässwörd: {&*}",
		"WEIR_TOKEN": "a b'\"#",
	})
	in := Input{Getenv: env, Text: []byte(`
sources: [{uri: "host=db user=app password='${PASSWORD}'"}]
store: {path: '${WEIR_TOKEN}-$${x}'}
`)}
	c, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(c.Sources[0].URI), "host=db user=app password='pässwörd: {&*}'"; got != want {
		t.Errorf("uri %q, want %q", got, want)
	}
	if got, want := c.Store.Path, `a b'"#-${x}`; got != want {
		t.Errorf("store.path %q, want %q", got, want)
	}
}

// Load must not change what Default returns next.
func TestDefaultIsFresh(t *testing.T) {
	want := Default()
	in := Input{
		Text:   []byte("auth: {audience: [a]}\nsources: [{uri: postgres://h/d}]"),
		Getenv: lookup(map[string]string{"WEIR_AUTH_AUDIENCE_1": "b"}),
	}
	if _, err := Load(in); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, Default()); diff != "" {
		t.Errorf("Default changed (-before +after):\n%s", diff)
	}
}
