package replicator

import (
	"errors"
	"strings"
)

// Fault is something about the source that an operator has to mend. It never holds a password or row data.
type Fault struct {
	Code    Code   // what kind of fault it is
	Message string // what is wrong, one sentence without a full stop
	Hint    string // what to do, with the SQL that does it
}

func (f *Fault) Error() string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + "; " + f.Hint
}

// Faults is everything that a validation found at once.
type Faults []*Fault

func (fs Faults) Error() string {
	texts := make([]string, len(fs))
	for i, f := range fs {
		texts[i] = f.Error()
	}
	return strings.Join(texts, "\n")
}

// faultsOf returns the faults that err consists of; any other error becomes one without a hint.
func faultsOf(err error) Faults {
	if err == nil {
		return nil
	}
	var many Faults
	if errors.As(err, &many) {
		return many
	}
	var one *Fault
	if errors.As(err, &one) {
		return Faults{one}
	}
	var lost *LostError
	if errors.As(err, &lost) {
		return Faults{{Code: CodeHistoryLost, Message: lost.Error(), Hint: lost.Hint}}
	}
	return Faults{{Code: CodeOther, Message: err.Error()}}
}

// storeError says that the store can't go on: nothing that the replicator could try again.
type storeError struct{ err error }

func (e *storeError) Error() string { return "store: " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }
