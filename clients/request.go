package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/syncrules"
)

// streamRequest is the body of a stream request: client-protocol.md 2.
type streamRequest struct {
	positions map[string]buckets.OpID // what the client holds
	raw       bool
	clientID  string
	rules     syncrules.Request // without claims
}

// maxPriority is the largest priority number.
const maxPriority = 3

// object is a JSON object by the exact names of its members: encoding/json would take "Buckets" for "buckets".
type object map[string]json.RawMessage

// maxClientID is the longest client id, in bytes. Clients send UUIDs; it is part of a key of the store.
const maxClientID = 256

// parser collects what is wrong with a request.
type parser struct{ problems []string }

// maxProblems is how many problems an answer names: a small body can have a million.
const maxProblems = 20

func (p *parser) problem(path, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, path+": "+fmt.Sprintf(format, args...))
	}
}

// parseStreamRequest reads the JSON body of a stream request. Nothing, as in no body, is an empty request. Unknown members are ignored, null
// counts as absent.
func parseStreamRequest(body []byte) (*streamRequest, error) {
	req := &streamRequest{positions: map[string]buckets.OpID{}}
	if len(bytes.TrimSpace(body)) == 0 {
		return req, nil
	}
	p := &parser{}
	top := p.object("/", body)
	for i, item := range p.list("/buckets", top["buckets"]) {
		p.bucket(fmt.Sprintf("/buckets/%d", i), item, req.positions)
	}
	req.raw = p.boolean("/raw_data", top["raw_data"], false)
	p.boolean("/include_checksum", top["include_checksum"], true)
	p.boolean("/binary_data", top["binary_data"], false)
	for i, item := range p.list("/only", top["only"]) {
		p.text(fmt.Sprintf("/only/%d", i), item)
	}
	if has(top["client_id"]) {
		req.clientID = p.clientID(p.text("/client_id", top["client_id"]))
	}
	req.rules.Parameters = p.parameters("/parameters", top["parameters"])
	p.metadata(top["app_metadata"])
	if has(top["streams"]) {
		p.streams(top["streams"], &req.rules)
	}
	if len(p.problems) > 0 {
		return nil, invalid(p.problems...)
	}
	return req, nil
}

// has tells whether a member is there and not null.
func has(value json.RawMessage) bool { return len(value) > 0 && string(value) != "null" }

func (p *parser) object(path string, value json.RawMessage) object {
	var o object
	if err := json.Unmarshal(value, &o); err != nil || o == nil {
		p.problem(path, "must be an object")
	}
	return o
}

func (p *parser) list(path string, value json.RawMessage) []json.RawMessage {
	if !has(value) {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		p.problem(path, "must be an array")
	}
	return items
}

func (p *parser) text(path string, value json.RawMessage) string {
	var s *string
	if json.Unmarshal(value, &s) != nil || s == nil {
		p.problem(path, "must be a string")
		return ""
	}
	return *s
}

func (p *parser) clientID(id string) string {
	if len(id) > maxClientID {
		p.problem("/client_id", "must not be longer than %d bytes", maxClientID)
	}
	return id
}

func (p *parser) boolean(path string, value json.RawMessage, otherwise bool) bool {
	if !has(value) {
		return otherwise
	}
	if json.Unmarshal(value, &otherwise) != nil {
		p.problem(path, "must be a boolean")
	}
	return otherwise
}

// parameters checks that value is an object, and keeps its text. Clients send null for none.
func (p *parser) parameters(path string, value json.RawMessage) json.RawMessage {
	if !has(value) {
		return nil
	}
	if value[0] != '{' {
		p.problem(path, "must be an object")
	}
	return value
}

func (p *parser) bucket(path string, value json.RawMessage, positions map[string]buckets.OpID) {
	o := p.object(path, value)
	if o == nil {
		return
	}
	problems := len(p.problems)
	name, after := p.text(path+"/name", o["name"]), p.text(path+"/after", o["after"])
	if len(p.problems) > problems {
		return
	}
	n, err := strconv.ParseUint(after, 10, 63)
	if err != nil {
		p.problem(path+"/after", "must be a decimal number of 63 bits")
		return
	}
	positions[name] = buckets.OpID(n)
}

// metadata checks app_metadata, which is for logs only.
func (p *parser) metadata(value json.RawMessage) {
	if !has(value) {
		return
	}
	for key, v := range p.object("/app_metadata", value) {
		p.text("/app_metadata/"+key, v)
	}
}

func (p *parser) streams(value json.RawMessage, req *syncrules.Request) {
	o := p.object("/streams", value)
	if o == nil {
		return
	}
	req.ExcludeDefaults = !p.boolean("/streams/include_defaults", o["include_defaults"], true)
	if !has(o["subscriptions"]) {
		p.problem("/streams/subscriptions", "is required")
	}
	for i, item := range p.list("/streams/subscriptions", o["subscriptions"]) {
		req.Subscriptions = append(req.Subscriptions, p.subscription(fmt.Sprintf("/streams/subscriptions/%d", i), item))
	}
}

// subscription reads one of which all members must be there, though two of them may be null.
func (p *parser) subscription(path string, value json.RawMessage) (sub syncrules.Subscription) {
	o := p.object(path, value)
	if o == nil {
		return sub
	}
	for _, name := range []string{"stream", "parameters", "override_priority"} {
		if o[name] == nil {
			p.problem(path+"/"+name, "is required")
		}
	}
	if o["stream"] != nil {
		sub.Stream = p.text(path+"/stream", o["stream"])
	}
	sub.Parameters = p.parameters(path+"/parameters", o["parameters"])
	if !has(o["override_priority"]) {
		return sub
	}
	var n int
	if json.Unmarshal(o["override_priority"], &n) != nil || n < 0 || n > maxPriority {
		p.problem(path+"/override_priority", "must be an integer from 0 to %d, or null", maxPriority)
		return sub
	}
	sub.OverridePriority = &n
	return sub
}
