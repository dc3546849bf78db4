package storage

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
)

func TestUUIDKeys(t *testing.T) {
	for range 1000 {
		text := []byte(uuid.NewString())
		id, ok := packUUID(text)
		if got := unpackUUID([]byte("="), id[:]); !ok || string(got) != "="+string(text) {
			t.Fatalf("%s came back as %s, %v", text, got, ok)
		}
	}
	const good = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for _, text := range []string{
		"", good[1:], good + "0", "0F8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5bd-9cb-469f-a165-70867728950e",
		"0f8fad5b-d9cb-469f-a165-70867728950g",
	} {
		if _, ok := packUUID([]byte(text)); ok {
			t.Errorf("%q taken for a UUID", text)
		}
	}
}

func TestKeyText(t *testing.T) {
	for _, text := range []string{"0f8fad5b-d9cb-469f-a165-70867728950e", "42", "0F8FAD5B-D9CB-469F-A165-70867728950E", ""} {
		key := AppendSingleKey(nil, []byte(text))
		if !bytes.Equal(KeyText(key), []byte(text)) || !isKeyText(key, []byte(text)) || isKeyText(key, []byte("43")) {
			t.Errorf("the key of %q tells %q", text, KeyText(key))
		}
	}
	for _, key := range [][]byte{nil, {KeyMulti, 1, 'a'}, {KeyUUID, 1}, {KeyHashed}} {
		if text := KeyText(key); text != nil || isKeyText(key, nil) {
			t.Errorf("key %v tells %q", key, text)
		}
	}
}
