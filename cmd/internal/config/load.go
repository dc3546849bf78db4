package config

import (
	"reflect"
	"strings"
)

// Input is where a configuration comes from.
type Input struct {
	// File is the name of the file in faults and Text what is in it. Both may
	// be empty.
	File string
	Text []byte
	// Getenv looks a variable up, as os.LookupEnv.
	Getenv func(name string) (string, bool)
	// Flags are the flags that were set.
	Flags []Flag
	// NeedSource makes it a fault if there is no source.
	NeedSource bool
}

// Flag is a flag that stands for a key.
type Flag struct {
	Name string // as the user writes it: --listen
	Key  string // listen
	Text string
}

// Load reads, merges and checks a configuration. The error is Faults.
func Load(in Input) (*Config, error) {
	l := &loader{
		in:     in,
		config: Default(),
		places: make(map[string]Place),
		hidden: make(map[string]bool),
	}
	l.readFile()
	l.readEnv()
	l.readFlags()
	l.config.fill()
	l.check()
	if len(l.faults) == 0 {
		return l.config, nil
	}
	for i := range l.faults { // only now is it known what of a line may be shown
		f := &l.faults[i]
		f.line, f.caret = l.page.excerpt(f.Place.Line, f.Place.Column)
	}
	l.faults.sort()
	return nil, l.faults
}

// loader is the state of one Load.
type loader struct {
	in     Input
	config *Config
	page   *page
	noFile bool             // the file could not be read: it may say what seems to be missing
	places map[string]Place // of keys that were set, and of their parents in the file
	hidden map[string]bool  // keys whose value holds the text of a ${NAME}
	faults Faults
}

func (l *loader) root() reflect.Value { return reflect.ValueOf(l.config).Elem() }

// fault notes that the value of a key is wrong, unless that is known: a value
// that could not be read is not judged as well.
func (l *loader) fault(key, message, hint string) {
	l.faultNear(key, key, message, hint)
}

// faultNear is fault for a key that is shown at the place of another one.
func (l *loader) faultNear(near, key, message, hint string) {
	for i := range l.faults {
		if known := l.faults[i].Key; known == key || strings.HasPrefix(known, key+".") {
			return
		}
	}
	l.faultAt(l.places[near], key, message, hint)
}

func (l *loader) faultAt(at Place, key, message, hint string) {
	l.faults = append(l.faults, Fault{Place: at, Key: key, Message: message, Hint: hint})
}
