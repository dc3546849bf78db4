package config

import (
	"reflect"
	"strings"
)

const envPrefix = "WEIR_"

// firstSource and its short form: most have one source.
const (
	envFirstSource = envPrefix + "SOURCES_0_"
	envOnlySource  = envPrefix + "SOURCE_"
)

// envName returns the variable of a key.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer("].", "_", "]", "", "[", "_", ".", "_", "-", "_").Replace(path))
}

// getenv looks the variable of a key up.
func (l *loader) getenv(path string) (name, text string, set bool) {
	name = envName(path)
	if text, _ = l.in.Getenv(name); text != "" {
		return name, text, true
	}
	if rest, first := strings.CutPrefix(name, envFirstSource); first {
		name = envOnlySource + rest
		text, _ = l.in.Getenv(name)
	}
	return name, text, text != ""
}

// readEnv reads the variables of all keys over what the file says.
func (l *loader) readEnv() { l.envStruct(l.root(), "") }

func (l *loader) envStruct(v reflect.Value, path string) {
	for i, key := range keysOf(v.Type()) {
		l.envNode(v.Field(i), child(path, key))
	}
}

func (l *loader) envNode(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		l.envStruct(v, path)
	case reflect.Slice:
		l.envList(v, path)
	default:
		l.envLeaf(v, path)
	}
}

// envList reads the elements that the list has, then those that variables add
// without a gap. A list of single values can also be replaced as a whole.
func (l *loader) envList(v reflect.Value, path string) {
	if name, text, set := l.getenv(path); set && isLeaf(reflect.Zero(v.Type().Elem())) {
		l.replaceList(v, path, name, text)
	}
	for i := 0; ; i++ {
		if i == v.Len() {
			probe := reflect.New(v.Type().Elem()).Elem()
			if !l.anySet(probe, element(path, i)) {
				return
			}
			grow(v)
		}
		l.envNode(v.Index(i), element(path, i))
	}
}

func (l *loader) replaceList(v reflect.Value, path, name, text string) {
	v.SetLen(0)
	at := Place{Name: name}
	l.places[path] = at
	for i, part := range strings.Split(text, ",") {
		l.set(grow(v), element(path, i), strings.TrimSpace(part), "", at)
	}
}

// anySet says whether a variable of the key or of one below it is set.
func (l *loader) anySet(v reflect.Value, path string) bool {
	if v.Kind() != reflect.Struct {
		_, _, set := l.getenv(path)
		return set
	}
	for i, key := range keysOf(v.Type()) {
		if l.anySet(v.Field(i), child(path, key)) {
			return true
		}
	}
	return false
}

func (l *loader) envLeaf(v reflect.Value, path string) {
	name, text, set := l.getenv(path)
	if !set {
		return
	}
	l.hidden[path] = false
	l.set(v, path, text, shownText(v, text), Place{Name: name})
}

// readFlags reads the flags over all else.
func (l *loader) readFlags() {
	for _, f := range l.in.Flags {
		v := l.resolve(f.Key)
		l.hidden[f.Key] = false
		l.set(v, f.Key, f.Text, shownText(v, f.Text), Place{Name: f.Name})
	}
}

// resolve returns the leaf of a key, making the first source if it is missing.
func (l *loader) resolve(key string) reflect.Value {
	v := l.root()
	for part := range strings.SplitSeq(key, ".") {
		name, _, list := strings.Cut(part, "[0]")
		f, known := field(v, name)
		if !known {
			panic("config: flag for unknown key " + key)
		}
		if v = f; list {
			if v.Len() == 0 {
				grow(v)
			}
			v = v.Index(0)
		}
	}
	return v
}
