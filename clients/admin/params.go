package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/weirsync/weir/clients/reply"
)

// bodyMax bounds a request's body, as the protocol's reference does.
const bodyMax = 1 << 20

// params are the members of a request's query and JSON body as one object; the body wins. Its methods collect what is wrong.
type params struct {
	members  map[string]json.RawMessage
	problems []string
}

// readParams reads the query and the body. A body of YAML is the text called content.
func readParams(w *http.Request) (*params, error) {
	p := &params{members: map[string]json.RawMessage{}}
	for name, values := range w.URL.Query() {
		p.set(name, values[0])
	}
	body, err := io.ReadAll(io.LimitReader(w.Body, bodyMax+1))
	if err != nil {
		return nil, reply.Invalid("/: the body can't be read")
	}
	if len(body) > bodyMax {
		return nil, &reply.Error{Status: http.StatusRequestEntityTooLarge, Code: "PSYNC_S2001", Text: "The body is larger than 1 MiB"}
	}
	if isYAML(w.Header.Get("Content-Type")) {
		p.set("content", string(body))
		return p, nil
	}
	if len(body) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(body, &p.members); err != nil || p.members == nil {
		return nil, reply.Invalid("/: must be a JSON object")
	}
	return p, nil
}

func isYAML(contentType string) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	return strings.HasSuffix(media, "yaml") // application/yaml, application/x-yaml, text/yaml
}

// set makes text a member.
func (p *params) set(name, text string) {
	value, err := json.Marshal(text)
	if err != nil {
		panic(err) // strings always encode
	}
	p.members[name] = value
}

func (p *params) problem(name, format string, args ...any) {
	p.problems = append(p.problems, "/"+name+": "+fmt.Sprintf(format, args...))
}

// has tells whether a member is there and not null.
func (p *params) has(name string) bool {
	value := p.members[name]
	return len(value) > 0 && string(value) != "null"
}

// text returns a text, "" if it is not there.
func (p *params) text(name string) (text string) {
	if p.has(name) && json.Unmarshal(p.members[name], &text) != nil {
		p.problem(name, "must be a string")
	}
	return text
}

// needText is for a text that has to be there.
func (p *params) needText(name string) string {
	if !p.has(name) {
		p.problem(name, "is required")
	}
	return p.text(name)
}

// boolean returns a truth value, false if it is not there. A query has it as a text.
func (p *params) boolean(name string) bool {
	switch strings.Trim(string(p.members[name]), `"`) {
	case "true":
		return true
	case "", "null", "false":
		return false
	}
	p.problem(name, "must be true or false")
	return false
}

// number returns a positive number, 0 if it is not there. A query has it as a text.
func (p *params) number(name string) uint32 {
	if !p.has(name) {
		return 0
	}
	n, err := strconv.ParseUint(strings.Trim(string(p.members[name]), `"`), 10, 32)
	if err != nil || n == 0 {
		p.problem(name, "must be a positive number")
	}
	return uint32(n)
}

// err is the error of all problems, nil if there are none.
func (p *params) err() error {
	if len(p.problems) == 0 {
		return nil
	}
	return reply.Invalid(p.problems...)
}
