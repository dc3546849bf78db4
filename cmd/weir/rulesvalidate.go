package main

import (
	"github.com/spf13/cobra"
)

func newRulesValidate() *cobra.Command { return &cobra.Command{Use: "validate FILE"} }
func newRulesExplain() *cobra.Command { return &cobra.Command{Use: "explain FILE"} }
