package main

import (
	"encoding/json"
	"strings"
)

// assignment reads the name=value of a flag. A value that is JSON is taken as it
// stands (a float64 would lose digits), any other is a text.
func assignment(flag, text string) (name string, value any, err error) {
	name, raw, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return "", nil, usagef("%s %q is not name=value", flag, text)
	}
	if json.Valid([]byte(raw)) {
		return name, json.RawMessage(raw), nil
	}
	return name, raw, nil
}
