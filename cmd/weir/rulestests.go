package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/cmd/internal/rulestest"
)

const rulesTestHelp = `Run unit tests of rules, without a database.

A test file is YAML: rules, rows of source tables, and for each user the rows
that are expected. docs/rules-testing.md describes it:

  rules: sync-rules.yaml
  tables:
    lists:
      - {id: l1, owner: ann}
      - {id: l2, owner: bob}
  tests:
    - name: users see their own lists
      claims: {sub: ann}
      expect:
        lists:
          - {id: l1, owner: ann}

What is different is shown as - expected but not there, + there but not
expected, ~ there with other values.

Exit codes: 0 every test passed, 1 not so.`

func newRulesTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE...",
		Short: "Run unit tests of rules",
		Long:  rulesTestHelp,
		Args:  takes(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return testRules(cmd, args)
		},
	}
}

func testRules(cmd *cobra.Command, files []string) error {
	out := cmd.OutOrStdout()
	tests, failed := 0, 0
	ok := true
	for _, file := range files {
		text, err := readInput(file, cmd.InOrStdin())
		if err != nil {
			return fmt.Errorf("read tests: %w", err)
		}
		r := rulestest.Run(file, text)
		tests, failed, ok = tests+len(r.Results), failed+r.Failed(), ok && r.OK()
		if _, err := fmt.Fprint(out, r); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "tests: %d, failed: %d\n", tests, failed); err != nil {
		return err
	}
	if !ok {
		return errReported
	}
	return nil
}
