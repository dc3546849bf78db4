package syncrules

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", file, diff)
	}
}

func readRules(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestExplain(t *testing.T) {
	var b strings.Builder
	for _, file := range []string{"testdata/legacy.yaml", "testdata/streams.yaml"} {
		for _, d := range mustCompile(t, string(readRules(t, file))).Definitions() {
			b.WriteString(d.Explain().String())
		}
	}
	golden(t, "testdata/explain.golden", b.String())
}

func TestRender(t *testing.T) {
	text := readRules(t, "testdata/faults.yaml")
	p, found := Compile(text, CompileOptions{})
	if p != nil {
		t.Error("a text with faults compiles")
	}
	golden(t, "testdata/faults.golden", found.Render("faults.yaml", text))
}
