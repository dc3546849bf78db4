package config

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weirsync/weir/buckets"
)

const redacted = "[redacted]"

// Secret is a text that shows itself nowhere: not when printed with any verb,
// logged or marshalled. Convert it to string to use it.
type Secret string

// String returns a text that gives nothing away.
func (s Secret) String() string { return redacted }

// GoString does so for %#v.
func (s Secret) GoString() string { return redacted }

// LogValue does so for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText does so for JSON and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// URI is a Postgres connection string. It can hold a password, and so shows
// only where it leads to. Convert it to string to connect.
type URI string

// String returns user@host:port/database.
func (u URI) String() string {
	c, err := pgconn.ParseConfig(string(u))
	if err != nil {
		return redacted // the error can repeat the password
	}
	return fmt.Sprintf("%s@%s:%d/%s", c.User, c.Host, c.Port, c.Database)
}

// severalHosts tells whether it leads to more than one server.
func (u URI) severalHosts() bool {
	c, err := pgconn.ParseConfig(string(u))
	if err != nil {
		return false // that it can't be read is a fault already
	}
	return slices.ContainsFunc(c.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.Host != c.Host || f.Port != c.Port })
}

// GoString does so for %#v.
func (u URI) GoString() string { return u.String() }

// LogValue does so for slog.
func (u URI) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText does so for JSON and its like.
func (u URI) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText checks the text. It does not connect.
func (u *URI) UnmarshalText(text []byte) error {
	if _, err := pgconn.ParseConfig(string(text)); err != nil {
		return uriFault(string(text), err)
	}
	*u = URI(text)
	return nil
}

// uriFault says why a connection string cannot be used. The reason is repeated
// only where it is certain that no password is in it: a string that does not
// come apart as intended can have any part of it anywhere.
func uriFault(text string, err error) error {
	hint := errors.New("write postgres://user:password@host:5432/database, with %40 for @, %2F for /, " +
		"%3A for : and %23 for # in the password")
	reason := errors.Unwrap(err)
	u, urlErr := url.Parse(text)
	if reason == nil || urlErr != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return hint
	}
	password, _ := u.User.Password()
	for _, secret := range []string{password, u.Query().Get("password"), u.Query().Get("sslpassword")} {
		if secret != "" && strings.Contains(reason.Error(), secret) {
			return hint
		}
	}
	return reason
}

// Bytes is a number of bytes.
type Bytes int64

// Units of Bytes.
const (
	KiB Bytes = 1 << (10 * (iota + 1))
	MiB
	GiB
	TiB
)

var units = map[string]Bytes{
	"": 1, "B": 1,
	"KiB": KiB, "MiB": MiB, "GiB": GiB, "TiB": TiB,
	"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

var bytesText = regexp.MustCompile(`^(\d+) ?([A-Za-z]*)$`)

// UnmarshalText reads a whole number with a unit or none: 256MiB, 8 MB, 1024.
func (b *Bytes) UnmarshalText(text []byte) error {
	errSyntax := errors.New("write a number and a unit, such as 64KiB, 256MiB or 2GiB")
	m := bytesText.FindSubmatch(text)
	if m == nil {
		return errSyntax
	}
	unit, known := units[string(m[2])]
	if !known {
		return errSyntax
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		return errors.New("write a smaller number")
	}
	*b = Bytes(n) * unit
	return nil
}

// String writes b in the largest unit that fits without a fraction.
func (b Bytes) String() string {
	for _, name := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if unit := units[name]; b != 0 && b%unit == 0 {
			return strconv.FormatInt(int64(b/unit), 10) + name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// LogFormat is how log lines look.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText accepts the formats that there are.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch v := LogFormat(text); v {
	case LogText, LogJSON:
		*f = v
		return nil
	}
	return errors.New("write text or json")
}

// Management says who creates and alters a publication.
type Management string

// The kinds of management.
const (
	Auto   Management = "auto"   // weir
	Manual Management = "manual" // a DBA; weir says what is missing
)

// UnmarshalText accepts the kinds that there are.
func (m *Management) UnmarshalText(text []byte) error {
	switch v := Management(text); v {
	case Auto, Manual:
		*m = v
		return nil
	}
	return errors.New("write auto or manual")
}

// RowImages says which column values the store keeps beside a row's state: more of them cost space, fewer cost reads of the source, when an
// update leaves values out or rules are deployed.
type RowImages buckets.RowImages

// UnmarshalText accepts the kinds that there are.
func (r *RowImages) UnmarshalText(text []byte) error {
	switch v := buckets.RowImages(text); v {
	case buckets.RowImagesNone, buckets.RowImagesToast, buckets.RowImagesAll:
		*r = RowImages(v)
		return nil
	}
	return errors.New("write none, toast or all")
}

// SlotLoss says what to do when the stream can't go on where the store stands.
type SlotLoss string

// The policies.
const (
	LossResnapshot SlotLoss = "resnapshot" // read all tables again under a new slot
	LossStop       SlotLoss = "stop"       // leave the source to the operator
)

// UnmarshalText accepts the policies that there are.
func (p *SlotLoss) UnmarshalText(text []byte) error {
	switch v := SlotLoss(text); v {
	case LossResnapshot, LossStop:
		*p = v
		return nil
	}
	return errors.New("write resnapshot or stop")
}

var _ = []encoding.TextUnmarshaler{new(URI), new(Bytes), new(LogFormat), new(Management), new(RowImages), new(CollectorURI), new(SlotLoss)}
