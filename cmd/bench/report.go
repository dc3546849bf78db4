package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// report is what a run says.
type report struct {
	Commit   string   `json:"commit"`
	Machine  string   `json:"machine"`
	Go       string   `json:"go"`
	Postgres int      `json:"postgres"`
	Rows     int      `json:"rows"`
	Results  []result `json:"results"`
}

func newReport(postgres, rows int) *report {
	return &report{
		Commit: commit(), Machine: machine(), Go: runtime.Version(), Postgres: postgres, Rows: rows,
	}
}

// commit returns what the build was stamped with.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return revision + changed
}

// machine describes where the figures come from.
func machine() string {
	return fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpuModel())
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer f.Close() //nolint:errcheck // it was only read
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

func (r *report) write(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err := fmt.Fprintf(w, "weir %s, Postgres %d, %s\n%s, table of %s rows\n\n",
		r.Commit, r.Postgres, r.Go, r.Machine, thousands(fmt.Sprint(r.Rows)))
	if err != nil {
		return err
	}
	return writeTable(w, r.Results)
}
