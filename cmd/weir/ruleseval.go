package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/syncrules/evalcase"
)

const rulesEvalHelp = `Run rules offline: a case (rules, source rows, requests) as JSON comes in on
standard input, what the rules make of it goes out as JSON. With --dir every
.json file of the folder IN gives a file of the same name in OUT.

It is for programs; weir rules test is for people.

Exit codes: 0 every case could be read, also where its rules have faults; 1 not so.`

func newRulesEval() *cobra.Command {
	var folders bool
	cmd := &cobra.Command{
		Use:   "eval [--dir IN OUT]",
		Short: "Run a case of rules, rows and requests, JSON in and out",
		Long:  rulesEvalHelp,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case folders && len(args) != 2:
				return usagef("--dir takes two folders: IN OUT")
			case !folders && len(args) != 0:
				return usagef("the case comes on standard input; for folders: --dir IN OUT")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if folders {
				return evalFolder(args[0], args[1])
			}
			return evalStream(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&folders, "dir", false, "read every case of the folder IN, write results to the folder OUT")
	return cmd
}

func evalStream(in io.Reader, out io.Writer) error {
	input, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read case: %w", err)
	}
	result, err := evalcase.Eval(input)
	if err != nil {
		return err
	}
	_, err = out.Write(result)
	return err
}

// evalFolder goes on after a case that cannot be read, and reports them all.
func evalFolder(in, out string) error {
	files, err := filepath.Glob(filepath.Join(in, "*.json"))
	if err != nil {
		return fmt.Errorf("list cases: %w", err)
	}
	if len(files) == 0 {
		return fmt.Errorf("list cases: %s has no .json files", in)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	var faults []error
	for _, file := range files {
		if err := evalFile(file, filepath.Join(out, filepath.Base(file))); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", file, err))
		}
	}
	return errors.Join(faults...)
}

func evalFile(in, out string) error {
	input, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	result, err := evalcase.Eval(input)
	if err != nil {
		return err
	}
	return os.WriteFile(out, result, 0o644)
}
