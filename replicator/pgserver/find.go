package pgserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// VersionMin is the oldest major version that weir supports.
const VersionMin = 14

// program is a folder of server programs of one major version.
type program struct {
	bin     string
	version int
}

func (p program) path(name string) string { return filepath.Join(p.bin, name) }

// locate returns an installed server of the wanted version, else a fetched one.
func locate(ctx context.Context, o Options) (program, error) {
	for _, bin := range installed() {
		version, err := versionOf(ctx, bin)
		if err != nil || version < VersionMin {
			continue // broken or too old: as good as not there
		}
		if o.Version == 0 || o.Version == version {
			return program{bin: bin, version: version}, nil
		}
	}
	return fetch(ctx, o)
}

// installed lists the folders that hold a server, the one on PATH first, then
// those of the distributions (Debian, Red Hat, Homebrew), newest first.
func installed() []string {
	var bins []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			bins = append(bins, filepath.Dir(path))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	} {
		dirs, _ := filepath.Glob(pattern) // the patterns are well-formed
		slices.Reverse(dirs)
		bins = append(bins, dirs...)
	}
	return slices.DeleteFunc(bins, func(bin string) bool {
		_, err := os.Stat(filepath.Join(bin, "initdb"))
		return err != nil
	})
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// versionOf asks the server in bin for its major version.
func versionOf(ctx context.Context, bin string) (int, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("ask %s for its version: %w", bin, err)
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("ask %s for its version: answer %q", bin, out)
	}
	return strconv.Atoi(string(m[1]))
}
