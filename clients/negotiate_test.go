package clients

import (
	"net/http"
	"testing"

	"github.com/weirsync/weir/clients/wire"
)

const (
	bsonType   = "application/vnd.powersync.bson-stream"
	ndjsonType = "application/x-ndjson"
)

func header(name string, values ...string) http.Header {
	h := http.Header{}
	for _, v := range values {
		h.Add(name, v)
	}
	return h
}

func TestLineFormat(t *testing.T) {
	for _, tt := range []struct {
		accept []string
		want   wire.Format
	}{
		{nil, wire.JSON},
		{[]string{"*/*"}, wire.JSON},
		{[]string{"application/json"}, wire.JSON},
		{[]string{"text/html"}, wire.JSON},
		{[]string{ndjsonType}, wire.JSON},
		{[]string{bsonType}, wire.BSON},
		{[]string{bsonType + ";q=0.9," + ndjsonType + ";q=0.8"}, wire.BSON},
		{[]string{bsonType + ";q=0.8", ndjsonType + ";q=0.9"}, wire.JSON},
		{[]string{bsonType + ";q=0.9", ndjsonType + ";q=0.8"}, wire.BSON},
		{[]string{bsonType + ", " + ndjsonType}, wire.BSON},
		{[]string{ndjsonType + ", " + bsonType}, wire.JSON},
		{[]string{bsonType + ";q=0"}, wire.JSON},
		{[]string{bsonType + ";q=0.5, */*"}, wire.JSON},
		{[]string{bsonType + ";q=nonsense"}, wire.JSON},
		{[]string{"Application/VND.powersync.bson-stream ; Q=1 ; x=y"}, wire.BSON},
		{[]string{",,;q=1,"}, wire.JSON},
	} {
		if got := lineFormat(header("Accept", tt.accept...), true); got != tt.want {
			t.Errorf("Accept %q: got %d, want %d", tt.accept, got, tt.want)
		}
	}
	if got := lineFormat(http.Header{}, false); got != wire.NestedJSON {
		t.Errorf("without raw_data: got %d, want nested data", got)
	}
	if got := lineFormat(header("Accept", bsonType), false); got != wire.BSON {
		t.Errorf("BSON without raw_data: got %d", got)
	}
}

func TestContentEncoding(t *testing.T) {
	for accept, want := range map[string]string{
		"":                         "",
		"gzip":                     "gzip",
		"zstd":                     "zstd",
		"gzip, deflate":            "gzip",
		"gzip, deflate, br, zstd":  "zstd",
		"*":                        "zstd",
		"br":                       "",
		"deflate":                  "",
		"identity":                 "",
		"gzip;q=0.5, identity":     "",
		"gzip;q=0.9, zstd;q=0.1":   "gzip",
		"zstd;q=0, *":              "gzip",
		"gzip;q=0":                 "",
		"gzip;q=2, zstd;q=-1, foo": "",
	} {
		if got := contentEncoding(header("Accept-Encoding", accept)); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", accept, got, want)
		}
	}
}

func FuzzAccept(f *testing.F) {
	f.Add(bsonType + ";q=0.9," + ndjsonType + ";q=0.8")
	f.Add("gzip;q=0.5, *;q=0, ;;q==,")
	f.Fuzz(func(t *testing.T, value string) {
		h := header("Accept", value)
		h.Set("Accept-Encoding", value)
		if got := lineFormat(h, true); got != wire.JSON && got != wire.BSON {
			t.Errorf("format %d", got)
		}
		switch got := contentEncoding(h); got {
		case "", "gzip", "zstd":
		default:
			t.Errorf("encoding %q", got)
		}
	})
}
