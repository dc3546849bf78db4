package syncrules

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/weirsync/weir/syncrules/value"
)

// frame is what running the scalars of a layout needs: the variables' values and the results so far. Not for concurrent use.
type frame struct {
	values []value.Value // by slot
	env    map[string]any
	memo   []memo
	turn   uint64 // memo entries of earlier turns do not count
	load   func(slot int)
	vm     vm.VM
}

type memo struct {
	turn  uint64
	value value.Value
	err   error
}

// newFrame makes a frame. load is called before a slot is read and may be nil.
func newFrame(l *layout, load func(slot int)) *frame {
	f := &frame{values: make([]value.Value, len(l.variables)), env: make(map[string]any, len(l.variables)), memo: make([]memo, l.programs), load: load}
	for i, v := range l.variables {
		f.env[v.name] = &f.values[i]
	}
	return f
}

func (f *frame) read(slot int) value.Value {
	if f.load != nil {
		f.load(slot)
	}
	return f.values[slot]
}

func (f *frame) eval(s *scalar) (value.Value, error) {
	switch s.kind {
	case scalarConstant:
		return s.value, nil
	case scalarVariable:
		return f.read(s.slot), nil
	case scalarIsNull:
		return value.Bool(f.read(s.slot).IsNull()), nil
	case scalarNotNull:
		return value.Bool(!f.read(s.slot).IsNull()), nil
	case scalarNot:
		return value.Bool(!value.Truth(f.read(s.slot))), nil
	case scalarEqual:
		v := f.read(s.slot)
		if v.IsNull() {
			return value.Value{}, nil
		}
		equal, err := value.Equal(v, s.value)
		return value.Bool(equal), err
	}
	if s.memo < 0 {
		return f.run(s)
	}
	m := &f.memo[s.memo]
	if m.turn != f.turn {
		m.value, m.err = f.run(s)
		m.turn = f.turn
	}
	return m.value, m.err
}

func (f *frame) run(s *scalar) (value.Value, error) {
	for _, slot := range s.reads {
		f.read(slot)
	}
	out, err := f.vm.Run(s.program, f.env)
	if err != nil {
		return value.Value{}, cause(err)
	}
	return valueOf(out), nil
}

// cause is the function's own error, without the program around it.
func cause(err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return err
	}
	if at.Prev != nil {
		return at.Prev
	}
	return fmt.Errorf("evaluate: %s", at.Message)
}

// all says whether every condition holds. All are evaluated: an error in any counts, wherever it stands.
func (f *frame) all(conditions []*scalar) (bool, error) {
	ok := true
	for _, s := range conditions {
		v, err := f.eval(s)
		if err != nil {
			return false, err
		}
		ok = ok && value.Truth(v)
	}
	return ok, nil
}
