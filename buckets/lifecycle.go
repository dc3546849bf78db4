package buckets

import "slices"

// setState moves v on. What it alone needed must be buried then.
func (b *batch) setState(v *version, state VersionState, reason string) error {
	c := &b.s.catalog
	b.s.update(func() {
		v.State, v.Reason, v.Changed = state, reason, b.s.opts.Now().UTC()
		if c.active == v {
			c.active = nil
		}
		if c.deploying == v {
			c.deploying = nil
		}
		switch state {
		case Active:
			c.active, v.Activated = v, v.Changed
		case Deploying:
			c.deploying = v
		}
	})
	if !v.live() {
		b.ended = append(b.ended, v)
	}
	b.look = true
	b.s.log.Info("rules version changed", "version", v.ID, "state", string(state), "reason", reason)
	return b.tx.PutVersion(v.ID, v.record())
}

// end ends a deploy. A version that was on its way back to being active is what it was before.
func (b *batch) end(v *version, reason string) error {
	if v == nil {
		return nil
	}
	state := Failed
	if !v.Activated.IsZero() {
		state = b.s.retired()
	}
	if err := b.setState(v, state, reason); err != nil {
		return err
	}
	return b.bury()
}

// retired is the state of a version that is not active any more.
func (s *Store) retired() VersionState {
	if s.opts.KeepRetired > 0 {
		return Retiring
	}
	return Removed
}

// bury marks the definitions that no live version has as dead. They are never evaluated again, so they never come back under the
// same id (I3b); who drives the snapshots of their tables is let go; chores remove their data (reclaim.go).
func (b *batch) bury() error {
	c := &b.s.catalog
	needed := map[DefinitionID]bool{}
	for _, v := range c.versions {
		for _, id := range v.ids {
			needed[id] = needed[id] || v.live()
		}
	}
	for id, d := range c.definitions {
		if needed[id] || d.rec.Dead {
			continue
		}
		b.s.update(func() { d.rec.Dead, d.rules = true, nil })
		d.buried.Store(true)
		if err := b.tx.PutDefinition(id, d.rec); err != nil {
			return err
		}
	}
	for _, t := range c.tables {
		if t.dying() {
			t.binding.Clear() // bindings have the dead ones
		}
		if !t.wanted() {
			b.refuse(t)
		}
	}
	return nil
}

// activate makes the deploying version the active one if everything of it is there: one step, at a checkpoint where all of it is
// consistent (I10).
func (b *batch) activate() (bool, error) {
	c := &b.s.catalog
	v := c.deploying
	if v == nil || !c.planned(v) || !c.open(v) {
		return false, nil
	}
	if old := c.active; old != nil {
		if err := b.setState(old, b.s.retired(), ""); err != nil {
			return false, err
		}
	}
	if err := b.setState(v, Active, ""); err != nil {
		return false, err
	}
	return true, b.bury()
}

// planned reports whether all relations that v reads are tracked.
func (c *catalog) planned(v *version) bool {
	return !slices.ContainsFunc(v.ids, func(id DefinitionID) bool {
		return slices.ContainsFunc(c.sourceNames, func(source string) bool { return !c.definitions[id].planned[source] })
	})
}

// RetiringMax is how many versions are kept for a rollback: every change is evaluated for all of them, and each may hold a copy of the
// data.
const RetiringMax = 10

// expired returns a version that has been kept for long enough, or is one too many, or nil.
func (s *Store) expired() *version {
	var oldest *version
	n := 0
	for _, v := range s.catalog.versions {
		if v.State != Retiring {
			continue
		}
		if n++; oldest == nil || v.Changed.Before(oldest.Changed) {
			oldest = v
		}
	}
	if oldest != nil && (n > RetiringMax || !oldest.Changed.After(s.opts.Now().Add(-s.opts.KeepRetired))) {
		return oldest
	}
	return nil
}

// expire removes a version that has been kept for long enough.
func (b *batch) expire() error {
	v := b.s.expired()
	if v == nil { // the clock was set back
		return nil
	}
	if err := b.setState(v, Removed, ""); err != nil {
		return err
	}
	return b.bury()
}
