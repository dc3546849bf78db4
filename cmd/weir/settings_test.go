package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/logs"
)

// settings loads the configuration as a command with all flags does.
func settings(t *testing.T, args ...string) (*config.Config, error) {
	t.Helper()
	var loaded *config.Config
	cmd := &cobra.Command{SilenceErrors: true, SilenceUsage: true, RunE: func(cmd *cobra.Command, _ []string) (err error) {
		loaded, err = loadConfig(cmd, true)
		return err
	}}
	addConfigFlag(cmd)
	addKeyFlags(cmd)
	cmd.SetArgs(append([]string{}, args...)) // for nil, cobra takes those of the test binary
	err := cmd.ExecuteContext(t.Context())
	return loaded, err
}

func TestSettingsInOrder(t *testing.T) {
	dir := writeFiles(t, "-- weir.yaml --\nsources: [{uri: postgres://file/db, slot: file_slot}]\nlisten: :1\nlog: {level: error}")
	file := filepath.Join(dir, "weir.yaml")
	t.Setenv("WEIR_LISTEN", ":2")
	t.Setenv("WEIR_SOURCE_SLOT", "env_slot")
	c, err := settings(t, "--config", file, "--listen", ":3", "--rules", "r.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":3" || c.Sources[0].Slot != "env_slot" || c.Log.Level != slog.LevelError || c.Rules.Path != "r.yaml" {
		t.Errorf("settings %+v, want the flag's listen and rules, the variable's slot, the file's level", c)
	}
}

func TestSettingsWithoutFile(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(configFileVar, "")
	c, err := settings(t, "--source", "postgres://u@h/db")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Sources[0].URI.String(); got != "u@h:5432/db" {
		t.Errorf("source %s, want u@h:5432/db", got)
	}
	_, err = settings(t)
	if err == nil || !strings.Contains(err.Error(), "sources is missing") {
		t.Errorf("settings without anything: %v, want sources is missing", err)
	}
}

func TestSettingsFindTheFile(t *testing.T) {
	dir := writeFiles(t, "-- weir.yaml --\nlisten: :1\nsources: [{uri: postgres://h/d}]\n-- other.yaml --\nlisten: :2\nsources: [{uri: postgres://h/d}]")
	t.Chdir(dir)
	t.Setenv(configFileVar, "")
	for _, want := range []string{":1", ":2"} {
		c, err := settings(t)
		if err != nil {
			t.Fatal(err)
		}
		if c.Listen != want {
			t.Errorf("listen %s, want %s", c.Listen, want)
		}
		t.Setenv(configFileVar, "other.yaml")
	}
	if err := os.Remove("other.yaml"); err != nil {
		t.Fatal(err)
	}
	if _, err := settings(t); err == nil {
		t.Error("a file that is named and missing is no fault")
	}
}

func TestLogger(t *testing.T) {
	for format, want := range map[config.LogFormat]string{
		config.LogText: "level=WARN msg=shown slot=weir_1\n",
		config.LogJSON: `"level":"WARN","msg":"shown","slot":"weir_1"}` + "\n",
	} {
		var out bytes.Buffer
		logger := logs.New(&out, config.Log{Level: slog.LevelWarn, Format: format})
		logger.Info("hidden")
		logger.Warn("shown", "slot", "weir_1")
		if !strings.HasSuffix(out.String(), want) || strings.Contains(out.String(), "hidden") {
			t.Errorf("%s log %q, want one line that ends in %q", format, out.String(), want)
		}
	}
}
