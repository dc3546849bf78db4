package config

import (
	"encoding"
	"errors"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field returns the field of a struct for a key of the file.
func field(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keysOf lists the keys of a struct.
func keysOf(t reflect.Type) []string {
	var keys []string
	for field := range t.Fields() {
		keys = append(keys, field.Tag.Get("yaml"))
	}
	return keys
}

// isLeaf tells values that are written as one text from structs and lists.
func isLeaf(v reflect.Value) bool {
	return v.Kind() != reflect.Struct && v.Kind() != reflect.Slice
}

// isSecret tells values that must not be shown.
func isSecret(v reflect.Value) bool {
	switch v.Interface().(type) {
	case Secret, URI, KeyURI, CollectorURI:
		return true
	}
	return false
}

// setLeaf sets v from its text. An error says what to write and does not
// repeat the text, which may be a secret.
func setLeaf(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *slog.Level:
		if p.UnmarshalText([]byte(text)) != nil {
			return errors.New("write debug, info, warn or error")
		}
		return nil
	case encoding.TextUnmarshaler:
		return p.UnmarshalText([]byte(text))
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("write a number and a unit, such as 500ms, 10s or 1h30m")
		}
		*p = d
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("write true or false")
		}
		v.SetBool(text == "true")
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("write a whole number")
		}
		v.SetInt(int64(n))
	default:
		panic("config: no text form for " + v.Type().String())
	}
	return nil
}

// grow appends an empty element to a list and returns it.
func grow(list reflect.Value) reflect.Value {
	list.Set(reflect.Append(list, reflect.Zero(list.Type().Elem())))
	return list.Index(list.Len() - 1)
}

// child returns the path of a key in the struct at path.
func child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// element returns the path of an element of the list at path.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// set sets the leaf at path. shown is what a fault may repeat of text, "" for
// nothing.
func (l *loader) set(v reflect.Value, path, text, shown string, at Place) {
	l.places[path] = at
	if err := setLeaf(v, text); err != nil {
		l.faultAt(at, path, strings.TrimSpace(shown+" cannot be read"), err.Error())
	}
}
