package rulestest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weirsync/weir/syncrules"
)

const docs = "../../../docs/"

// block is a fenced block of a document.
type block struct {
	line int
	text string
}

var fence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

func blocks(t *testing.T, file string) []block {
	t.Helper()
	text, err := os.ReadFile(docs + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	for _, at := range fence.FindAllSubmatchIndex(text, -1) {
		out = append(out, block{strings.Count(string(text[:at[0]]), "\n") + 1, string(text[at[2]:at[3]])})
	}
	return out
}

// TestDocs runs every example: rules compile without a warning, and the tests after them pass.
func TestDocs(t *testing.T) {
	for _, file := range []string{"rules.md", "rules-testing.md"} {
		dir := t.TempDir()
		ran := 0
		for _, b := range blocks(t, file) {
			if strings.HasPrefix(b.text, "rules:") {
				r := Run(filepath.Join(dir, "rules_test.yaml"), []byte(b.text))
				if !r.OK() || len(r.Results) == 0 || len(r.Notes) > 0 {
					t.Errorf("%s:%d: %s", file, b.line, r)
				}
				ran++
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, "sync-rules.yaml"), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, found := syncrules.Compile([]byte(b.text), syncrules.CompileOptions{})
			for _, d := range found {
				if d.Severity != syncrules.Notice {
					t.Errorf("%s:%d: %s", file, b.line, syncrules.Diagnostics{d}.Render("example", []byte(b.text)))
				}
			}
		}
		if ran == 0 {
			t.Errorf("%s: no example was run", file)
		}
	}
}

// TestDocsOutput: what the document says that a test file prints is what it prints.
func TestDocsOutput(t *testing.T) {
	text, err := os.ReadFile(docs + "rules-testing.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := blocks(t, "rules-testing.md")
	dir := t.TempDir()
	run := func(rules string) *Report {
		if err := os.WriteFile(filepath.Join(dir, "sync-rules.yaml"), []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		r := Run(filepath.Join(dir, "rules_test.yaml"), []byte(examples[1].text))
		r.Name = "rules_test.yaml"
		return r
	}
	good := run(examples[0].text)
	leaky := run(strings.Replace(examples[0].text, " WHERE owner = auth.user_id() OR auth.user_id() IN guests", "", 1))
	leaky.Results = leaky.Results[:1]
	for _, r := range []*Report{good, leaky} {
		shown := "    " + strings.ReplaceAll(strings.TrimSpace(r.String()), "\n", "\n    ")
		if !strings.Contains(string(text), shown) {
			t.Errorf("the document does not show\n%s", shown)
		}
	}
	if good.Failed() > 0 || leaky.Failed() != 1 {
		t.Errorf("good rules fail %d tests, leaky ones %d, want 0 and 1", good.Failed(), leaky.Failed())
	}
}

// TestDocsNameEveryFunction: the language's functions are all in the document.
func TestDocsNameEveryFunction(t *testing.T) {
	text, err := os.ReadFile(docs + "rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(`upper lower length substring instr hex base64 uuid_blob typeof ifnull iif unixepoch datetime
		json_extract json_array_length json_keys ST_AsGeoJSON ST_AsText ST_X ST_Y`) {
		if !strings.Contains(string(text), name) {
			t.Errorf("%s is missing", name)
		}
	}
}
