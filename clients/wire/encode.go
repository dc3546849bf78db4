package wire

// Checkpoint encodes c. The line is valid until the next call of e, as with all methods that return one.
func (e *Encoder) Checkpoint(c *Checkpoint) []byte {
	e.begin()
	e.object("checkpoint")
	e.decimal("last_op_id", c.LastOp)
	e.writeCheckpoint(c.WriteCheckpoint)
	e.buckets("buckets", c.Buckets)
	e.array("streams")
	for i := range c.Streams {
		e.stream(&c.Streams[i])
	}
	return e.finish()
}

// Diff encodes d.
func (e *Encoder) Diff(d *Diff) []byte {
	e.begin()
	e.object("checkpoint_diff")
	e.decimal("last_op_id", d.LastOp)
	e.writeCheckpoint(d.WriteCheckpoint)
	e.array("removed_buckets")
	for _, name := range d.Removed {
		text(e, "", name)
	}
	e.end()
	e.buckets("updated_buckets", d.Updated)
	return e.finish()
}

// Complete encodes checkpoint_complete.
func (e *Encoder) Complete(lastOp uint64) []byte {
	e.begin()
	e.object("checkpoint_complete")
	e.decimal("last_op_id", lastOp)
	return e.finish()
}

// Partial encodes partial_checkpoint_complete.
func (e *Encoder) Partial(lastOp uint64, priority int) []byte {
	e.begin()
	e.object("partial_checkpoint_complete")
	e.decimal("last_op_id", lastOp)
	e.integer("priority", int64(priority))
	return e.finish()
}

// ExpiresIn encodes token_expires_in.
func (e *Encoder) ExpiresIn(seconds int) []byte {
	e.begin()
	e.integer("token_expires_in", int64(seconds))
	return e.finish()
}

// BeginPage starts a data line: operations follow with Op, then EndPage.
func (e *Encoder) BeginPage(bucket string, after uint64) {
	e.begin()
	e.object("data")
	text(e, "bucket", bucket)
	e.decimal("after", after)
	e.array("data")
}

// Op adds an operation to the page. Nothing of op is kept.
func (e *Encoder) Op(op *Op) {
	switch {
	case op.Kind == Put && e.format == BSON:
		e.putBSON(op)
		return
	case op.Kind == Put:
		e.putJSON(op)
		return
	}
	e.object("")
	e.decimal("op_id", op.ID)
	text(e, "op", op.Kind.String())
	if op.Kind == Remove {
		text(e, "object_type", op.Type)
		text(e, "object_id", op.ObjectID)
		text(e, "subkey", op.Subkey)
	}
	e.unsigned("checksum", op.Checksum)
	if op.Kind == Remove {
		e.null("data")
	}
	e.end()
}

// EndPage ends the data line. next is the id of its last operation; more: other pages of the bucket follow before the checkpoint
// can complete.
func (e *Encoder) EndPage(next uint64, more bool) []byte {
	e.end()
	e.boolean("has_more", more)
	e.decimal("next_after", next)
	return e.finish()
}

func (e *Encoder) writeCheckpoint(n int64) {
	if n > 0 {
		e.decimal("write_checkpoint", uint64(n))
	}
}

func (e *Encoder) buckets(key string, buckets []Bucket) {
	e.array(key)
	for i := range buckets {
		e.bucket(&buckets[i])
	}
	e.end()
}

func (e *Encoder) bucket(b *Bucket) {
	e.object("")
	text(e, "bucket", b.Name)
	e.integer("checksum", int64(int32(b.Checksum)))
	e.integer("count", b.Count)
	e.integer("priority", int64(b.Priority))
	e.array("subscriptions")
	for _, r := range b.Reasons {
		e.object("")
		if r.Default {
			e.integer("default", int64(r.Index))
		} else {
			e.integer("sub", int64(r.Index))
		}
		e.end()
	}
	e.end()
	e.end()
}

// stream writes errors even if there are none: clients refuse a line without them.
func (e *Encoder) stream(s *Stream) {
	e.object("")
	text(e, "name", s.Name)
	e.boolean("is_default", s.IsDefault)
	e.array("errors")
	for _, err := range s.Errors {
		e.object("")
		if err.Subscription < 0 {
			text(e, "subscription", "default")
		} else {
			e.integer("subscription", int64(err.Subscription))
		}
		text(e, "message", err.Message)
		e.end()
	}
	e.end()
	e.end()
}
