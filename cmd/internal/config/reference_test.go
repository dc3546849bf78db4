package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const referencePage = "../../../docs/configuration.md"

// The page is what the code says.
func TestReference(t *testing.T) {
	page, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(page), Reference()); diff != "" {
		t.Errorf("%s is out of date, run make docs (-page +code):\n%s", referencePage, diff)
	}
}

// Each key has a meaning, and each meaning a key that can be set as the page says.
func TestMeanings(t *testing.T) {
	known := make(map[string]bool)
	var walk func(ty reflect.Type, path string)
	walk = func(ty reflect.Type, path string) {
		switch {
		case ty.Kind() == reflect.Struct:
			for f := range ty.Fields() {
				walk(f.Type, child(path, f.Tag.Get("yaml")))
			}
		case ty.Kind() == reflect.Slice && ty.Elem().Kind() == reflect.Struct:
			walk(ty.Elem(), path+"[]")
		default:
			known[path] = true
		}
	}
	walk(reflect.TypeFor[Config](), "")
	for _, key := range keysOf(reflect.TypeFor[Config]()) {
		known[key] = true // a heading
	}
	for key := range known {
		if m := meanings[key]; m == "" || strings.ContainsAny(m, "|\n") {
			t.Errorf("%s: meaning %q", key, m)
		}
	}
	for key := range meanings {
		if !known[key] {
			t.Errorf("there is no key %s", key)
		}
	}
}

// A default can be written into the file as the page shows it.
func TestDefaultsCanBeRead(t *testing.T) {
	for line := range strings.SplitSeq(Reference(), "\n") {
		columns := strings.Split(line, " | ")
		if len(columns) != 4 || !strings.HasPrefix(line, "| `") || columns[2] == "" {
			continue
		}
		key, text := strings.Trim(columns[0], "| `"), strings.Trim(columns[2], "`")
		c := Default()
		c.Sources = []Source{{}}
		l := &loader{config: c}
		v := l.resolve(strings.Replace(key, "[]", "[0]", 1))
		if err := setLeaf(v, text); err != nil || defaultText(v) != columns[2] {
			t.Errorf("%s: default %q: %v", key, text, err)
		}
	}
}

func TestDefaultText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Second: "10s", 10 * time.Minute: "10m", 24 * time.Hour: "24h", 90 * time.Minute: "1h30m", 20 * time.Millisecond: "20ms",
	} {
		if got := defaultText(reflect.ValueOf(d)); got != "`"+want+"`" {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}
