package rsocket

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// frames, each with its bytes in hex.
var frames = []struct {
	name  string
	hex   string
	frame Frame
}{
	{
		"SETUP of the JS client",
		"00000000 0500 0001 0000 00004e20 00015f90 10" + text("application/json") + "10" + text("application/json") + "000002" + text("{}"),
		Frame{
			Type: TypeSetup, Flags: FlagMetadata, Major: 1, KeepaliveMS: 20000, LifetimeMS: 90000,
			MetadataMime: "application/json", DataMime: "application/json", Metadata: []byte("{}"),
		},
	},
	{
		"SETUP with resume token and data",
		"00000000 0480 0001 0000 00000001 00000002 0003" + text("abc") + "01" + text("m") + "01" + text("d") + text("{}"),
		Frame{
			Type: TypeSetup, Flags: FlagResume, Major: 1, KeepaliveMS: 1, LifetimeMS: 2, ResumeToken: []byte("abc"),
			MetadataMime: "m", DataMime: "d", Data: []byte("{}"),
		},
	},
	{
		"REQUEST_STREAM",
		"00000001 1900 0000000a 000003" + text("abc") + text("data"),
		Frame{Stream: 1, Type: TypeRequestStream, Flags: FlagMetadata, N: 10, Metadata: []byte("abc"), Data: []byte("data")},
	},
	{"REQUEST_N", "00000003 2000 7fffffff", Frame{Stream: 3, Type: TypeRequestN, N: MaxN}},
	{"CANCEL", "00000003 2400", Frame{Stream: 3, Type: TypeCancel}},
	{"PAYLOAD", "7fffffff 2820" + text("x"), Frame{Stream: 1<<31 - 1, Type: TypePayload, Flags: FlagNext, Data: []byte("x")}},
	{"end", "00000001 2840", Frame{Stream: 1, Type: TypePayload, Flags: FlagComplete}},
	{"empty metadata", "00000001 2920 000000", Frame{Stream: 1, Type: TypePayload, Flags: FlagNext | FlagMetadata}},
	{"ERROR", "00000000 2c00 00000003" + text("no"), Frame{Type: TypeError, Code: CodeRejectedSetup, Data: []byte("no")}},
	{
		"KEEPALIVE",
		"00000000 0c80 00000001 00000002" + text("ping"),
		Frame{Type: TypeKeepalive, Flags: FlagRespond, Position: 1<<32 | 2, Data: []byte("ping")},
	},
	{"unknown type", "00000005 fe00 0102", Frame{Stream: 5, Type: TypeExt, Flags: FlagIgnore, Data: []byte{1, 2}}},
}

func text(s string) string { return hex.EncodeToString([]byte(s)) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFrames(t *testing.T) {
	for _, tt := range frames {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.hex)
			got, err := Parse(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.frame, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("parsed (-want +got):\n%s", diff)
			}
			if b := tt.frame.Append(nil); !bytes.Equal(b, want) {
				t.Errorf("appended\n%x, want\n%x", b, want)
			}
		})
	}
}

// Every frame that is cut off anywhere before its free part is refused.
func TestCutFrames(t *testing.T) {
	for _, tt := range frames {
		b := unhex(t, tt.hex)
		for n := range len(b) - len(tt.frame.Data) {
			if _, err := Parse(b[:n]); err == nil {
				t.Errorf("%s: accepted the first %d of %d bytes", tt.name, n, len(b))
			}
		}
	}
}

func TestRefusedFrames(t *testing.T) {
	for name, s := range map[string]string{
		"bit 31 of the stream id":    "80000001 2400",
		"request n 0":                "00000001 2000 00000000",
		"request n beyond 31 bits":   "00000001 2000 80000000",
		"initial request n 0":        "00000001 1800 00000000",
		"metadata longer than frame": "00000001 2920 000003 6162",
	} {
		if f, err := Parse(unhex(t, s)); err == nil {
			t.Errorf("%s: accepted as %+v", name, f)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range frames {
		f.Add(unhex(f, tt.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := Parse(b)
		if err != nil {
			return
		}
		// What follows the n of a REQUEST_N is ignored.
		if again := frame.Append(nil); !bytes.HasPrefix(b, again) || len(again) < len(b) && frame.Type != TypeRequestN {
			t.Errorf("%x became %x", b, again)
		}
	})
}
