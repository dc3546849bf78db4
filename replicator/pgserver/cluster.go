package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const superuser = "postgres"

// defaults suit logical replication in tests: nothing is synced to disk (a
// killed server still recovers; only a crash of the machine loses data), and
// limits are wide.
var defaults = map[string]string{
	"fsync":                     "off",
	"full_page_writes":          "off",
	"lc_messages":               "C", // process.go reads the log
	"listen_addresses":          "127.0.0.1",
	"log_timezone":              "UTC",
	"max_connections":           "200",
	"max_prepared_transactions": "10",
	"max_replication_slots":     "40",
	"max_wal_senders":           "40",
	"timezone":                  "UTC",
	"unix_socket_directories":   "", // their path length is limited
	"wal_level":                 "logical",
}

// cluster is a data folder and the user it belongs to.
type cluster struct {
	dir     string
	account account
}

func (c cluster) data() string { return filepath.Join(c.dir, "data") }

// create makes the cluster unless it is there. It gets its name when it is
// complete, so that a start that was cut short leaves nothing to trip over.
func (c cluster) create(ctx context.Context, p program, settings map[string]string) error {
	if _, err := os.Stat(c.data()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := c.data() + ".part"
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("create cluster: %w", err)
	}
	cmd := c.command(exec.CommandContext(ctx, p.path("initdb"),
		"--pgdata="+part, "--username="+superuser, "--auth=trust",
		"--encoding=UTF8", "--no-locale", "--no-sync"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("create cluster: initdb: %w: %s", err, lastLine(out))
	}
	if err := configure(filepath.Join(part, "postgresql.conf"), settings); err != nil {
		return fmt.Errorf("create cluster: %w", err)
	}
	return os.Rename(part, c.data())
}

func configure(file string, settings map[string]string) error {
	all := maps.Clone(defaults)
	maps.Copy(all, settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(all[name], "'", "''"))
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text.String())
	return errors.Join(err, f.Close())
}

// run starts the server on port.
func (c cluster) run(ctx context.Context, p program, port int, log io.Writer) (*process, error) {
	cmd := c.command(exec.Command(p.path("postgres"), "-D", c.data(), "-p", strconv.Itoa(port)))
	dieWithParent(cmd.SysProcAttr)
	return launch(ctx, cmd, log)
}

// command sets what all programs of the cluster have in common: its user, a
// folder that this user can enter, and none of the caller's PG variables.
func (c cluster) command(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = c.dir
	cmd.SysProcAttr = c.account.attr()
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PG") || strings.HasPrefix(v, "LC_")
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	return cmd
}

func lastLine(out []byte) string {
	s := strings.TrimSpace(string(out))
	return s[strings.LastIndexByte(s, '\n')+1:]
}
