// Package cmd holds the programs; its own tests look at the module as a whole.
package cmd

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/weirsync/weir/"

// forbiddenRooms says, for each top-level folder, which others its packages and
// their tests must not import, and why.
var forbiddenRooms = map[string]map[string]string{
	"syncrules": {
		"storage":    "syncrules knows nothing of storing",
		"buckets":    "syncrules is below buckets",
		"replicator": "syncrules is below replicator",
		"clients":    "syncrules is below clients",
		"cmd":        "nothing imports the programs",
	},
	"storage": {
		"syncrules":  "storage keeps bytes and does not know what rules say",
		"buckets":    "storage is below buckets",
		"replicator": "storage is below replicator",
		"clients":    "storage is below clients",
		"cmd":        "nothing imports the programs",
	},
	"buckets": {
		"replicator": "buckets is below replicator",
		"clients":    "buckets is below clients",
		"cmd":        "nothing imports the programs",
	},
	"replicator": {
		"storage": "the store is buckets' own",
		"clients": "replicator and clients meet in buckets only",
		"cmd":     "nothing imports the programs",
	},
	"clients": {
		"storage":    "the store is buckets' own",
		"replicator": "replicator and clients meet in buckets only",
		"cmd":        "nothing imports the programs",
	},
	"cmd": {},
}

// libraries says which rooms may import an outside (or impure) package. All
// others must do with what these offer.
var libraries = map[string]struct {
	rooms  []string
	reason string
}{
	"go.etcd.io/bbolt":              {[]string{"storage"}, "storage owns the file"},
	"github.com/jackc/pglogrepl":    {[]string{"replicator", "cmd"}, "replicator speaks to Postgres"},
	"github.com/jackc/pgx":          {[]string{"replicator", "cmd"}, "replicator speaks to Postgres"},
	"github.com/gorilla/websocket":  {[]string{"clients", "cmd"}, "clients speaks to clients"},
	"github.com/golang-jwt":         {[]string{"clients", "cmd"}, "clients speaks to clients"},
	"github.com/spf13/cobra":        {[]string{"cmd"}, "the command line is cmd's"},
	"github.com/expr-lang/expr":     {[]string{"syncrules"}, "syncrules evaluates"},
	"go.mongodb.org/mongo-driver":   {[]string{"clients", "cmd"}, "BSON is a wire format"},
	"github.com/klauspost/compress": {[]string{"storage", "clients", "cmd"}, "compression is for disk and wire"},
}

// impure says what makes a package impure. syncrules imports none of these.
var impure = map[string]string{
	"os":       "reads and writes the machine",
	"os/exec":  "reads and writes the machine",
	"net":      "reads and writes the network",
	"net/http": "reads and writes the network",
	"log/slog": "logs, where a Diagnostic or RowError is to be returned",
}

// importLine is one import of a file of ours.
type importLine struct {
	file     string // from the module's root
	imported string
}

func (l importLine) room() string { return room(l.file) }

func (l importLine) test() bool { return strings.HasSuffix(l.file, "_test.go") }

func TestImportDirection(t *testing.T) {
	for _, line := range readImports(t) {
		if _, known := forbiddenRooms[line.room()]; !known {
			t.Errorf("%s: %s is not one of the fixed top-level folders", line.file, line.room())
		}
		if reason := objection(line); reason != "" {
			t.Errorf("%s imports %s: %s", line.file, line.imported, reason)
		}
	}
}

// objection returns why a file must not have an import.
func objection(line importLine) string {
	if rel, ours := strings.CutPrefix(line.imported, module); ours {
		return forbiddenRooms[line.room()][room(rel)]
	}
	if line.test() {
		return "" // a test may check against any library
	}
	if line.room() == "syncrules" && impure[line.imported] != "" {
		return "syncrules is pure; this " + impure[line.imported]
	}
	for library, rule := range libraries {
		if line.imported != library && !strings.HasPrefix(line.imported, library+"/") {
			continue
		}
		if !slices.Contains(rule.rooms, line.room()) {
			return rule.reason
		}
	}
	return ""
}

// Test helpers that are packages must not get into the program.
func TestProgramHasNoTestCode(t *testing.T) {
	from := make(map[string][]importLine) // by package
	for _, line := range readImports(t) {
		if !line.test() {
			pkg := module + path.Dir(line.file)
			from[pkg] = append(from[pkg], line)
		}
	}
	seen := make(map[string]bool)
	var visit func(pkg string)
	visit = func(pkg string) {
		for _, line := range from[pkg] {
			if line.imported == "testing" {
				t.Errorf("cmd/weir contains %s, which imports testing", line.file)
			}
			if !seen[line.imported] {
				seen[line.imported] = true
				visit(line.imported)
			}
		}
	}
	visit(module + "cmd/weir")
}

func room(rel string) string {
	first, _, _ := strings.Cut(rel, "/")
	return first
}

// readImports reads all Go files of the module. It does so itself, because go
// test reuses an old result unless this process has read the file that changed.
func readImports(t *testing.T) []importLine {
	t.Helper()
	var lines []importLine
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != ".." && skipFolder(d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			rel := strings.TrimPrefix(filepath.ToSlash(name), "../")
			lines = append(lines, importLine{file: rel, imported: imported})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) == 0 {
		t.Fatal("found no import")
	}
	return lines
}

// skipFolder leaves out what the go command leaves out, and what is built.
func skipFolder(name string) bool {
	return name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules" || name == "bin"
}
