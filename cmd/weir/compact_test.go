package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/replicator/pgtest"
)

func TestCompact(t *testing.T) {
	t.Setenv(configFileVar, "")
	t.Setenv(apiTokenVar, "")
	t.Setenv(endpointVar, "")
	db := pgtest.New(t)
	db.Exec(killSchema)
	p := newProcess(t, db, killRules)
	p.start()
	p.awaitSlot(db, 0)
	for range 5 {
		db.Exec("UPDATE items SET n = n + 1")
	}
	code, out, faults := runCommand(t, "", "compact", "--file", "--json", "--config", p.config())
	var done admin.Compaction
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != exitOK || done.File == nil || done.File.After == 0 {
		t.Errorf("compact of a running weir: exit %d\n%s%s", code, out, faults)
	}
	store := filepath.Join(p.dir, "weir.db")
	if code, _, faults := runCommand(t, "", "compact", store); code != exitFault || !strings.Contains(faults, "leave out the file's name") {
		t.Errorf("compact of a file in use: exit %d, %q", code, faults)
	}
	p.stop()
	if code, out, faults := runCommand(t, "", "compact", store, "--file"); code != exitOK || !strings.Contains(out, "the file went from") {
		t.Errorf("compact of a file: exit %d\n%s%s", code, out, faults)
	}
	if code, out, faults := runCommand(t, "", "check", store); code != exitOK {
		t.Errorf("check: exit %d\n%s%s", code, out, faults)
	}
	missing := filepath.Join(t.TempDir(), "missing.db")
	if code, _, faults := runCommand(t, "", "compact", missing); code != exitFault || !strings.Contains(faults, "missing.db") {
		t.Errorf("compact of no file: exit %d, %q", code, faults)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("compact made a store")
	}
}
