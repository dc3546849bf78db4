package main

import (
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	code, out, _ := runCommand(t, "", "version")
	if code != exitOK || !strings.HasPrefix(out, "weir ") {
		t.Errorf("weir version: exit %d, %q", code, out)
	}
}
