package main

import (
	"strings"
	"testing"
)

func TestValidateRulesFromStdin(t *testing.T) {
	code, out, faults := runCommand(t, "bucket_definitions: [\n", "rules", "validate", "-")
	if code != exitFault || faults != "" || !strings.HasPrefix(out, "-:1:") {
		t.Errorf("exit %d, stdout %q, stderr %q, want exit 1 and a place in the text", code, out, faults)
	}
}
