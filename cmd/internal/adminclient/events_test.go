package adminclient

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadEvents(t *testing.T) {
	var got []string
	each := func(name string, data []byte) error {
		got = append(got, name+" "+string(data))
		return nil
	}
	text := "event: progress\ndata: {\"a\":1}\n\n: still there\n\nevent:active\ndata:{}\n\nevent: cut\ndata: off"
	if err := readEvents(strings.NewReader(text), each); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{`progress {"a":1}`, "active {}"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	stop := errors.New("enough")
	if err := readEvents(strings.NewReader(text), func(string, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add("event: progress\ndata: {}\n\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_ = readEvents(strings.NewReader(text), func(string, []byte) error { return nil })
	})
}
