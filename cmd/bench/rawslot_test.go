package main

import (
	"bytes"
	"testing"
)

func TestChangeOf(t *testing.T) {
	head := append([]byte{'w'}, make([]byte, walHeader-1)...)
	for _, c := range []struct {
		message []byte
		want    byte
	}{
		{append(bytes.Clone(head), 'U', 0, 0), 'U'},
		{head, 0},
		{append([]byte{'k'}, make([]byte, walHeader+5)...), 0},
		{nil, 0},
	} {
		if got := changeOf(c.message); got != c.want {
			t.Errorf("changeOf(%x) = %q, want %q", c.message, got, c.want)
		}
	}
}
