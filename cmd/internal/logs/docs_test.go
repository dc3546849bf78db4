package logs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every line in docs/logs.md is one that a package writes, with fields of these names.
func TestDocumentedLinesAreWritten(t *testing.T) {
	const root = "../../.."
	text, err := os.ReadFile(filepath.Join(root, "docs", "logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, dir := range []string{"buckets", "replicator", "clients", "cmd/weir", "cmd/internal"} {
		sources = append(sources, goFiles(t, filepath.Join(root, dir))...)
	}
	all := strings.Join(sources, "\n")
	rows := regexp.MustCompile("(?m)^\\| `(.+?)` \\| [a-z, ]+ \\| (.*?) ?\\|").FindAllStringSubmatch(string(text), -1)
	if len(rows) < 20 {
		t.Errorf("%d lines are documented", len(rows))
	}
	field := regexp.MustCompile("`([^`]+)`")
	for _, row := range rows {
		if !strings.Contains(all, `"`+row[1]+`"`) {
			t.Errorf("docs/logs.md has the line %q, which nothing writes", row[1])
		}
		for _, name := range field.FindAllStringSubmatch(row[2], -1) {
			if !strings.Contains(all, `"`+name[1]+`", `) {
				t.Errorf("docs/logs.md has the field %q of %q, which nothing writes", name[1], row[1])
			}
		}
	}
	for _, name := range subjectFields {
		if !strings.Contains(all, `"`+name+`", `) {
			t.Errorf("no line has the field %q", name)
		}
	}
}

// goFiles returns the files below dir that are no tests.
func goFiles(t *testing.T, dir string) (texts []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		texts = append(texts, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
