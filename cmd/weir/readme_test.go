package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestReadme runs the README's configuration and rules as pasted, but for the address of the database and the port, and its command
// lines for a token and a sync.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	db.Exec(`CREATE TABLE restaurants (id text PRIMARY KEY, name text); CREATE TABLE visits (id text PRIMARY KEY, user_id text);
		INSERT INTO restaurants VALUES ('r1', 'Soba Tsuki'); INSERT INTO visits VALUES ('v1', 'u1'), ('v2', 'u2')`)
	p := newProcess(t, db, "")
	p.dir = t.TempDir()
	t.Chdir(p.dir)
	for _, block := range regexp.MustCompile("(?s)```yaml\n# (\\S+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		content := strings.NewReplacer("postgres://app@127.0.0.1:5432/app", db.URI()+"\n    slot: weir_"+db.Name).Replace(block[2])
		if block[1] == "weir.yaml" {
			content += "listen: " + strings.TrimPrefix(p.endpoint, "http://") + "\n"
		}
		if err := os.WriteFile(filepath.Join(p.dir, block[1]), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	var rows, others strings.Builder
	for line := range strings.SplitSeq(string(text), "\n") {
		command, ok := strings.CutPrefix(line, "    bin/weir ")
		command, _, _ = strings.Cut(command, "#")
		if !ok || strings.HasPrefix(command, "serve") {
			continue
		}
		command = strings.NewReplacer("http://127.0.0.1:8080", p.endpoint, `"$(bin/weir token --sub u1)"`, p.token("u1")).Replace(command)
		code, stdout, faults := 0, "", ""
		args := strings.Fields(command)
		printed := &others
		if args[0] == "sync" {
			args, printed = append(args, "--once"), &rows
		}
		for ready := false; !ready; { // until weir listens
			code, stdout, faults = runCommand(t, "", args...)
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.endpoint, "http://"))
			if ready = err == nil; ready {
				_ = conn.Close()
			}
			ready = ready && (code == 0 || !strings.Contains(faults, "connection refused"))
		}
		if code != 0 {
			t.Errorf("weir %s: exit %d\n%s", args[0], code, faults)
		}
		printed.WriteString(stdout)
	}
	for _, want := range []string{"Soba Tsuki", "v1"} {
		if !strings.Contains(rows.String(), want) {
			t.Errorf("the README's commands print no %q:\n%s%s", want, rows.String(), others.String())
		}
	}
	if strings.Contains(rows.String(), "v2") {
		t.Errorf("u1 sees another user's visit:\n%s", rows.String())
	}
	p.stop()
}
