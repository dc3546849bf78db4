package syncview

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// field is a column of a row.
type field struct {
	name, text string          // as shown
	value      json.RawMessage // whole
}

// cellMax is how many characters of a value a table shows.
const cellMax = 40

// parseRow returns the columns of a JSON object in its order.
func parseRow(data []byte) ([]field, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	open, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("read row: %w", err)
	}
	if open != json.Delim('{') {
		return nil, errors.New("row is no JSON object")
	}
	var fields []field
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		fields = append(fields, field{printable(name.(string)), shown(value), value}) // in an object, a key is a string
	}
	return fields, nil
}

// shown returns a value as a table has it.
func shown(value json.RawMessage) string {
	if string(value) == "null" {
		return "NULL"
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		text = string(value)
	}
	return shorten(printable(text))
}

// printable escapes what would do something to a terminal.
func printable(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > cellMax {
		return string(runes[:cellMax-1]) + "…"
	}
	return text
}
