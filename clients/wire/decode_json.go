package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// DecodeJSON reads one NDJSON line, with or without its LF, whose operations have string data (raw_data).
func DecodeJSON(text []byte) (*Line, error) {
	key, body, err := splitLine(text)
	if err != nil {
		return nil, err
	}
	line := &Line{}
	switch key {
	case "checkpoint":
		line.Checkpoint, err = decodeAs(body, checkpointJSON.line)
	case "checkpoint_diff":
		line.Diff, err = decodeAs(body, diffJSON.line)
	case "data":
		line.Page, err = decodeAs(body, pageJSON.line)
	case "partial_checkpoint_complete":
		line.Partial, err = decodeAs(body, partialJSON.line)
	case "checkpoint_complete":
		var p *Partial
		if p, err = decodeAs(body, partialJSON.line); err == nil {
			line.Complete = &p.LastOp
		}
	case "token_expires_in":
		line.ExpiresIn = new(int)
		err = json.Unmarshal(body, line.ExpiresIn)
	default:
		if !json.Valid(text) || !json.Valid(body) {
			err = errors.New("not valid JSON")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("line %s: %w", key, err)
	}
	return line, nil
}

// splitLine splits {"key":body}. A second key leaves a body that is no JSON.
func splitLine(text []byte) (key string, body []byte, err error) {
	malformed := errors.New("line is no object with one key")
	text = bytes.TrimSpace(text)
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return "", nil, malformed
	}
	text = bytes.TrimSpace(text[1 : len(text)-1])
	if len(text) == 0 || text[0] != '"' {
		return "", nil, malformed
	}
	end := bytes.IndexByte(text[1:], '"')
	if end < 0 {
		return "", nil, malformed
	}
	key, body = string(text[1:end+1]), bytes.TrimSpace(text[end+2:])
	if len(body) == 0 || body[0] != ':' {
		return "", nil, malformed
	}
	return key, body[1:], nil
}

// decodeAs decodes body into a J, which convert turns into a part of a Line.
func decodeAs[J, L any](body []byte, convert func(J) (*L, error)) (*L, error) {
	var j J
	if err := json.Unmarshal(body, &j); err != nil {
		return nil, err
	}
	return convert(j)
}

// id is an id on the wire: it must be a string.
type id uint64

func (n *id) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	v, err := parseID(s)
	*n = id(v)
	return err
}

type checkpointJSON struct {
	LastOp          *id           `json:"last_op_id"`
	WriteCheckpoint *id           `json:"write_checkpoint"`
	Buckets         *[]bucketJSON `json:"buckets"`
	Streams         []streamJSON  `json:"streams"`
}

func (j checkpointJSON) line() (*Checkpoint, error) {
	if j.LastOp == nil || j.Buckets == nil {
		return nil, errors.New("lacks last_op_id or buckets")
	}
	c := &Checkpoint{LastOp: uint64(*j.LastOp), WriteCheckpoint: j.WriteCheckpoint.number()}
	for _, s := range j.Streams {
		stream, err := s.stream()
		if err != nil {
			return nil, err
		}
		c.Streams = append(c.Streams, stream)
	}
	var err error
	c.Buckets, err = convertBuckets(*j.Buckets)
	return c, err
}

func (n *id) number() int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}

type diffJSON struct {
	LastOp          *id           `json:"last_op_id"`
	WriteCheckpoint *id           `json:"write_checkpoint"`
	Removed         *[]string     `json:"removed_buckets"`
	Updated         *[]bucketJSON `json:"updated_buckets"`
}

func (j diffJSON) line() (*Diff, error) {
	if j.LastOp == nil || j.Removed == nil || j.Updated == nil {
		return nil, errors.New("lacks last_op_id, removed_buckets or updated_buckets")
	}
	updated, err := convertBuckets(*j.Updated)
	return &Diff{
		LastOp: uint64(*j.LastOp), WriteCheckpoint: j.WriteCheckpoint.number(),
		Removed: *j.Removed, Updated: updated,
	}, err
}

type bucketJSON struct {
	Bucket        *string      `json:"bucket"`
	Checksum      *int64       `json:"checksum"`
	Count         int64        `json:"count"`
	Priority      *int         `json:"priority"`
	Subscriptions []reasonJSON `json:"subscriptions"`
}

type reasonJSON struct {
	Default *int `json:"default"`
	Sub     *int `json:"sub"`
}

func convertBuckets(js []bucketJSON) (buckets []Bucket, err error) {
	for _, j := range js {
		if j.Bucket == nil || j.Checksum == nil {
			return nil, errors.New("a bucket lacks bucket or checksum")
		}
		b := Bucket{Name: *j.Bucket, Count: j.Count, Priority: 3}
		if b.Checksum, err = foldChecksum(*j.Checksum); err != nil {
			return nil, err
		}
		if j.Priority != nil {
			b.Priority = *j.Priority
		}
		for _, r := range j.Subscriptions {
			switch {
			case r.Default != nil:
				b.Reasons = append(b.Reasons, Reason{Default: true, Index: *r.Default})
			case r.Sub != nil:
				b.Reasons = append(b.Reasons, Reason{Index: *r.Sub})
			}
		}
		buckets = append(buckets, b)
	}
	return buckets, nil
}

type streamJSON struct {
	Name      string             `json:"name"`
	IsDefault bool               `json:"is_default"`
	Errors    *[]streamErrorJSON `json:"errors"`
}

type streamErrorJSON struct {
	Subscription any    `json:"subscription"`
	Message      string `json:"message"`
}

func (j streamJSON) stream() (Stream, error) {
	s := Stream{Name: j.Name, IsDefault: j.IsDefault}
	if j.Errors == nil {
		return s, errors.New("a stream lacks errors")
	}
	for _, e := range *j.Errors {
		n := -1
		if f, ok := e.Subscription.(float64); ok {
			n = int(f)
		}
		s.Errors = append(s.Errors, StreamError{Subscription: n, Message: e.Message})
	}
	return s, nil
}

type partialJSON struct {
	LastOp   *id `json:"last_op_id"`
	Priority int `json:"priority"`
}

func (j partialJSON) line() (*Partial, error) {
	if j.LastOp == nil {
		return nil, errors.New("lacks last_op_id")
	}
	return &Partial{LastOp: uint64(*j.LastOp), Priority: j.Priority}, nil
}

type pageJSON struct {
	Bucket  *string   `json:"bucket"`
	After   id        `json:"after"`
	HasMore bool      `json:"has_more"`
	Data    *[]opJSON `json:"data"`
	Next    id        `json:"next_after"`
}

type opJSON struct {
	ID       id      `json:"op_id"`
	Op       string  `json:"op"`
	Type     string  `json:"object_type"`
	ObjectID string  `json:"object_id"`
	Subkey   string  `json:"subkey"`
	Checksum int64   `json:"checksum"`
	Data     *string `json:"data"`
}

func (j pageJSON) line() (*Page, error) {
	if j.Bucket == nil || j.Data == nil {
		return nil, errors.New("lacks bucket or data")
	}
	p := &Page{Bucket: *j.Bucket, After: uint64(j.After), HasMore: j.HasMore, Next: uint64(j.Next)}
	for _, o := range *j.Data {
		op := Op{ID: uint64(o.ID), Kind: parseKind(o.Op), Type: []byte(o.Type), ObjectID: []byte(o.ObjectID), Subkey: []byte(o.Subkey)}
		if o.Data != nil {
			op.Data = []byte(*o.Data)
		}
		var err error
		if op.Checksum, err = foldChecksum(o.Checksum); err != nil {
			return nil, err
		}
		if op.ID == 0 || op.Kind == 0 {
			return nil, errors.New("operation lacks a valid op_id or op")
		}
		p.Ops = append(p.Ops, op)
	}
	return p, nil
}
