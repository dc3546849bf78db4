package syncrules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/weirsync/weir/syncrules/value"
)

// requestValues are the parts of a request, parsed once.
type requestValues struct {
	claims, connection, subscription value.JSON
}

func newRequestValues(req *Request) (requestValues, error) {
	var v requestValues
	var err error
	if v.claims, err = parseObject(req.Claims); err != nil {
		return v, fmt.Errorf("read token claims: %w", err)
	}
	if v.connection, err = parseObject(req.Parameters); err != nil {
		return v, fmt.Errorf("read client parameters: %w", err)
	}
	return v, nil
}

// parseObject reads what came with a request; empty and null are an empty object.
func parseObject(raw json.RawMessage) (value.JSON, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	return value.ParseRequestJSON(raw)
}

// part is the value of a part of the request, or of a member of one.
func (v requestValues) part(name string) value.Value {
	part, member, hasMember := strings.Cut(name, memberSeparator)
	var whole value.JSON
	switch part {
	case requestUser:
		sub, _ := v.claims.Member("sub")
		return sub.Value()
	case requestClaims:
		whole = v.claims
	case requestConnection:
		whole = v.connection
	case requestSubscription:
		whole = v.subscription
	case requestToken:
		whole, _ = v.claims.Member("parameters")
	}
	if hasMember {
		found, _ := whole.Member(member)
		return found.Value()
	}
	return value.TextOf(whole.AppendText(nil))
}
