package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirsync/weir/cmd/internal/config"
)

const (
	configFileDefault = "weir.yaml"
	configFileVar     = "WEIR_CONFIG"
)

// keyFlags are the flags that stand for a key of the configuration.
var keyFlags = []struct{ name, key, usage string }{
	{"source", "sources[0].uri", "connection `URI` of the database (prefer WEIR_SOURCE_URI: others see a command line)"},
	{"slot", "sources[0].slot", "`name` of the replication slot"},
	{"publication", "sources[0].publication", "`name` of the publication"},
	{"store", "store.path", "`file` of the store"},
	{"rules", "rules.path", "`file` of the sync rules"},
	{"listen", "listen", "`host:port` to listen on"},
	{"log-level", "log.level", "log from this `level` on: debug, info, warn or error"},
	{"log-format", "log.format", "`format` of the log: text or json"},
}

// addConfigFlag gives a command --config.
func addConfigFlag(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "configuration `file` (default "+configFileDefault+", if there is one; also "+configFileVar+")")
}

// addKeyFlags gives a command the flags that stand for keys.
func addKeyFlags(cmd *cobra.Command) {
	for _, f := range keyFlags {
		cmd.Flags().String(f.name, "", f.usage)
		cmd.Flags().Lookup(f.name).Annotations = map[string][]string{keyAnnotation: {f.key}}
	}
}

// keyAnnotation tells flags that stand for a key from others of the same name.
const keyAnnotation = "key"

// loadConfig reads the configuration as the command's flags say.
func loadConfig(cmd *cobra.Command, needSource bool) (*config.Config, error) {
	file, text, err := readConfigFile(cmd)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return config.Load(config.Input{
		File:       file,
		Text:       text,
		Getenv:     os.LookupEnv,
		Flags:      changedFlags(cmd.Flags()),
		NeedSource: needSource,
	})
}

// readConfigFile returns the file that is named, which must be there, or the
// default one, which need not.
func readConfigFile(cmd *cobra.Command) (name string, text []byte, err error) {
	name, err = cmd.Flags().GetString("config")
	if err != nil {
		return "", nil, err
	}
	if name == "" {
		name = os.Getenv(configFileVar)
	}
	if name != "" {
		text, err = os.ReadFile(name)
		return name, text, err
	}
	text, err = os.ReadFile(configFileDefault)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	return configFileDefault, text, err
}

func changedFlags(flags *pflag.FlagSet) []config.Flag {
	var changed []config.Flag
	for _, f := range keyFlags {
		if flag := flags.Lookup(f.name); flag != nil && flag.Changed && flag.Annotations[keyAnnotation] != nil {
			changed = append(changed, config.Flag{Name: "--" + f.name, Key: f.key, Text: flag.Value.String()})
		}
	}
	return changed
}
