package main

import (
	"strings"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

func TestRulesHistory(t *testing.T) {
	t.Setenv(configFileVar, "")
	t.Setenv(apiTokenVar, "")
	t.Setenv(endpointVar, "")
	db := pgtest.New(t)
	db.Exec(killSchema)
	p := newProcess(t, db, killRules)
	if code, _, faults := runCommand(t, "", "rules", "history", "--config", p.config()); code != exitFault || !strings.Contains(faults, "start it with weir serve") {
		t.Errorf("without a weir: exit %d, %q", code, faults)
	}
	p.start()
	p.awaitSlot(db, 0)
	if code, out, faults := runCommand(t, "", "rules", "history", "--config", p.config()); code != exitOK || !strings.Contains(out, "1        ") {
		t.Errorf("history: exit %d\n%s%s", code, out, faults)
	}
	if code, out, faults := runCommand(t, "", "rules", "show", "1", "--config", p.config()); code != exitOK || out != killRules {
		t.Errorf("show: exit %d\n%s%s", code, out, faults)
	}
	if code, _, faults := p.try("rules", "rollback", "99"); code != exitFault || strings.Count(faults, "version") != 1 || !strings.Contains(faults, "There is no version 99") {
		t.Errorf("rollback to no version: exit %d, %q", code, faults)
	}
	if code, _, faults := p.try("rules", "deploy", p.write("nonsense")); code != exitFault {
		t.Errorf("deploy of nonsense: exit %d, %q", code, faults)
	}
	if code, _, faults := p.try("rules", "rollback", "2"); code != exitFault || !strings.Contains(faults, "Version 2 failed") {
		t.Errorf("rollback to a failed version: exit %d, %q", code, faults)
	}
	code, _, faults := runCommand(t, "", "rules", "history", "--config", p.config(), "--api-token", "wrong-token")
	if code != exitFault || !strings.Contains(faults, "api.tokens") || strings.Contains(faults, "wrong-token") {
		t.Errorf("with a wrong token: exit %d, %q", code, faults)
	}
	p.stop()
}
