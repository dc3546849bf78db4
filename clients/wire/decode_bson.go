package wire

import (
	"errors"
	"fmt"
	"strconv"
)

// DecodeBSON reads a line that doc holds exactly. The operations' bytes are parts of doc.
func DecodeBSON(doc []byte) (*Line, error) {
	line, keys := &Line{}, 0
	err := each(doc, func(el *element) (err error) {
		if keys++; keys > 1 {
			return errors.New("line has more than one key")
		}
		switch string(el.key) {
		case "checkpoint":
			line.Checkpoint, err = checkpointBSON(el)
		case "checkpoint_diff":
			line.Diff, err = diffBSON(el)
		case "data":
			line.Page, err = pageBSON(el)
		case "partial_checkpoint_complete":
			line.Partial, err = partialBSON(el)
		case "checkpoint_complete":
			var p *Partial
			if p, err = partialBSON(el); err == nil {
				line.Complete = &p.LastOp
			}
		case "token_expires_in":
			var n int64
			n, err = el.integer()
			line.ExpiresIn = new(int(n))
		}
		if err != nil {
			return fmt.Errorf("line %s: %w", el.key, err)
		}
		return nil
	})
	if err == nil && keys == 0 {
		err = errors.New("line has no key")
	}
	if err != nil {
		return nil, err
	}
	return line, nil
}

// members visits the members of the object el and checks that those named are there.
func (el *element) members(visit func(el *element) error, required ...string) error {
	if el.kind != bsonDocument {
		return fmt.Errorf("bson: %q must be an object", el.key)
	}
	missing := make(map[string]bool, len(required))
	for _, name := range required {
		missing[name] = true
	}
	err := each(el.value, func(m *element) error {
		delete(missing, string(m.key))
		return visit(m)
	})
	if err != nil {
		return err
	}
	for name := range missing {
		return fmt.Errorf("bson: %q lacks %q", el.key, name)
	}
	return nil
}

// items visits the elements of the array el.
func (el *element) items(visit func(el *element) error) error {
	if el.kind != bsonArray {
		return fmt.Errorf("bson: %q must be an array", el.key)
	}
	return each(el.value, visit)
}

// decimal reads an id.
func (el *element) decimal() (uint64, error) {
	s, err := el.text()
	if err != nil {
		return 0, err
	}
	return parseID(string(s))
}

// parseID reads an id: decimal text of a signed 64-bit integer that is not negative.
func parseID(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("id is not a decimal number of 63 bits: %w", err)
	}
	return n, nil
}

func checkpointBSON(el *element) (*Checkpoint, error) {
	c := &Checkpoint{}
	return c, el.members(func(m *element) (err error) {
		switch string(m.key) {
		case "last_op_id":
			c.LastOp, err = m.decimal()
		case "write_checkpoint":
			c.WriteCheckpoint, err = m.writeCheckpoint()
		case "buckets":
			c.Buckets, err = m.buckets()
		case "streams":
			err = m.items(func(item *element) error {
				s, err := streamBSON(item)
				c.Streams = append(c.Streams, s)
				return err
			})
		}
		return err
	}, "last_op_id", "buckets")
}

func diffBSON(el *element) (*Diff, error) {
	d := &Diff{}
	return d, el.members(func(m *element) (err error) {
		switch string(m.key) {
		case "last_op_id":
			d.LastOp, err = m.decimal()
		case "write_checkpoint":
			d.WriteCheckpoint, err = m.writeCheckpoint()
		case "updated_buckets":
			d.Updated, err = m.buckets()
		case "removed_buckets":
			err = m.items(func(item *element) error {
				s, err := item.text()
				d.Removed = append(d.Removed, string(s))
				return err
			})
		}
		return err
	}, "last_op_id", "updated_buckets", "removed_buckets")
}

// partialBSON reads both kinds of complete.
func partialBSON(el *element) (*Partial, error) {
	p := &Partial{}
	return p, el.members(func(m *element) (err error) {
		switch string(m.key) {
		case "last_op_id":
			p.LastOp, err = m.decimal()
		case "priority":
			p.Priority, err = m.small()
		}
		return err
	}, "last_op_id")
}

func (el *element) writeCheckpoint() (int64, error) {
	if el.kind == bsonNull {
		return 0, nil
	}
	n, err := el.decimal()
	return int64(n), err
}

// small reads an integer that an index, count or priority can be.
func (el *element) small() (int, error) {
	n, err := el.integer()
	if err == nil && n < 0 {
		err = fmt.Errorf("bson: %q must not be negative", el.key)
	}
	return int(n), err
}

func (el *element) buckets() (buckets []Bucket, err error) {
	err = el.items(func(item *element) error {
		b := Bucket{Priority: 3}
		err := item.members(func(m *element) (err error) {
			switch string(m.key) {
			case "bucket":
				var s []byte
				s, err = m.text()
				b.Name = string(s)
			case "checksum":
				b.Checksum, err = m.checksum()
			case "count":
				b.Count, err = m.integer()
			case "priority":
				b.Priority, err = m.small()
			case "subscriptions":
				err = m.reasons(&b)
			}
			return err
		}, "bucket", "checksum")
		buckets = append(buckets, b)
		return err
	})
	return buckets, err
}

func (el *element) reasons(b *Bucket) error {
	return el.items(func(item *element) error {
		return item.members(func(m *element) error {
			index, err := m.small()
			b.Reasons = append(b.Reasons, Reason{Default: string(m.key) == "default", Index: index})
			return err
		})
	})
}

func (el *element) checksum() (uint32, error) {
	n, err := el.integer()
	if err != nil {
		return 0, err
	}
	return foldChecksum(n)
}

// foldChecksum takes the signed and the unsigned form of 32 bits.
func foldChecksum(n int64) (uint32, error) {
	if n != int64(int32(n)) && n != int64(uint32(n)) {
		return 0, errors.New("checksum is beyond 32 bits")
	}
	return uint32(n), nil
}

func streamBSON(el *element) (s Stream, err error) {
	err = el.members(func(m *element) (err error) {
		switch string(m.key) {
		case "name":
			var name []byte
			name, err = m.text()
			s.Name = string(name)
		case "is_default":
			s.IsDefault, err = m.boolean()
		case "errors":
			err = m.items(func(item *element) error {
				e, err := streamErrorBSON(item)
				s.Errors = append(s.Errors, e)
				return err
			})
		}
		return err
	}, "name", "is_default", "errors")
	return s, err
}

func streamErrorBSON(el *element) (e StreamError, err error) {
	e.Subscription = -1
	err = el.members(func(m *element) (err error) {
		switch {
		case string(m.key) == "message":
			var s []byte
			s, err = m.text()
			e.Message = string(s)
		case string(m.key) == "subscription" && m.kind == bsonInt32:
			e.Subscription, err = m.small()
		case string(m.key) == "subscription":
			_, err = m.text()
		}
		return err
	}, "subscription", "message")
	return e, err
}

func pageBSON(el *element) (*Page, error) {
	p := &Page{}
	return p, el.members(func(m *element) (err error) {
		switch string(m.key) {
		case "bucket":
			var s []byte
			s, err = m.text()
			p.Bucket = string(s)
		case "after":
			p.After, err = m.decimal()
		case "next_after":
			p.Next, err = m.decimal()
		case "has_more":
			p.HasMore, err = m.boolean()
		case "data":
			err = m.items(func(item *element) error {
				op, err := opBSON(item)
				p.Ops = append(p.Ops, op)
				return err
			})
		}
		return err
	}, "bucket", "data")
}

// opBSON is written without members: it is what a client does most.
func opBSON(el *element) (op Op, err error) {
	if el.kind != bsonDocument {
		return op, errors.New("bson: an operation must be an object")
	}
	err = each(el.value, func(m *element) (err error) {
		if m.kind == bsonNull {
			return nil
		}
		switch string(m.key) {
		case "op_id":
			op.ID, err = m.decimal()
		case "op":
			var s []byte
			s, err = m.text()
			op.Kind = parseKind(string(s))
		case "checksum":
			op.Checksum, err = m.checksum()
		case "object_type":
			op.Type, err = m.text()
		case "object_id":
			op.ObjectID, err = m.text()
		case "subkey":
			op.Subkey, err = m.text()
		case "data":
			op.Data, err = m.text()
		}
		return err
	})
	if err == nil && (op.ID == 0 || op.Kind == 0) {
		err = errors.New("operation lacks a valid op_id or op")
	}
	return op, err
}
