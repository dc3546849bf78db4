// Package cmd holds the programs; its own tests look at the module as a whole.
package cmd

import (
	"os/exec"
	"slices"
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

// pure lists what makes a package impure; syncrules must be pure.
var pure = map[string]string{
	"os":       "reads and writes the machine",
	"os/exec":  "reads and writes the machine",
	"net":      "reads and writes the network",
	"net/http": "reads and writes the network",
	"log/slog": "logs; return a Diagnostic or RowError instead",
}

// imports is one line of go list: a package, one of its imports, and whether
// only the package's tests import it.
type imports struct {
	pkg, imported string
	test          bool
}

func TestImportDirection(t *testing.T) {
	for _, i := range listImports(t) {
		rel, ours := strings.CutPrefix(i.pkg, module)
		if !ours {
			continue
		}
		from := room(rel)
		if reason := objection(from, i); reason != "" {
			t.Errorf("%s imports %s: %s", rel, i.imported, reason)
		}
		if _, known := forbiddenRooms[from]; !known {
			t.Errorf("%s: top-level folder %s is not one of the fixed ones", rel, from)
		}
	}
}

// objection returns why a package of a room must not have an import.
func objection(from string, i imports) string {
	if rel, ours := strings.CutPrefix(i.imported, module); ours {
		return forbiddenRooms[from][room(rel)]
	}
	if i.test {
		return "" // a test may check against any library
	}
	if from == "syncrules" {
		if reason := pure[i.imported]; reason != "" {
			return "syncrules is pure; " + i.imported + " " + reason
		}
	}
	for library, rule := range libraries {
		if i.imported != library && !strings.HasPrefix(i.imported, library+"/") {
			continue
		}
		if slices.Contains(rule.rooms, from) {
			return ""
		}
		return rule.reason
	}
	return ""
}

// Test helpers that are packages must not get into the program.
func TestProgramHasNoTestCode(t *testing.T) {
	for dep := range strings.FieldsSeq(goList(t, "-deps", "../cmd/weir")) {
		if dep == "testing" {
			t.Errorf("cmd/weir contains package %s", dep)
		}
	}
}

func room(rel string) string {
	first, _, _ := strings.Cut(rel, "/")
	return first
}

func listImports(t *testing.T) []imports {
	t.Helper()
	const format = `{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}} code
{{end}}{{range .TestImports}}{{$p}} {{.}} test
{{end}}{{range .XTestImports}}{{$p}} {{.}} test
{{end}}`
	var list []imports
	for line := range strings.Lines(goList(t, "-f", format, "../...")) {
		f := strings.Fields(line)
		if len(f) == 3 {
			list = append(list, imports{pkg: f[0], imported: f[1], test: f[2] == "test"})
		}
	}
	if len(list) == 0 {
		t.Fatal("go list names no import")
	}
	return list
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}
