package clients_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// elsewhere names the tests of points of the conformance checklist (client-protocol.md) that don't have the point in their name. The
// others are called TestPoint35_..., or TestPoint27_And51_... for several.
var elsewhere = map[int]string{
	48: "TestLinesInBSON",
}

// Every point of the checklist has a test.
func TestEveryPointHasATest(t *testing.T) {
	names := testNames(t)
	for point := 1; point <= 62; point++ {
		want := fmt.Sprintf("%02d", point)
		proven := slices.ContainsFunc(names, func(name string) bool {
			if name == elsewhere[point] {
				return true
			}
			rest, ok := strings.CutPrefix(name, "TestPoint")
			return ok && slices.Contains(strings.Split(strings.ReplaceAll(rest, "And", ""), "_"), want)
		})
		if !proven {
			t.Errorf("point %d of the checklist has no test", point)
		}
	}
}

// testNames are the names of all tests of the module.
func testNames(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names = append(names, fn.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
