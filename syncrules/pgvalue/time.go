package pgvalue

import (
	"bytes"
	"time"
)

var (
	infinity      = []byte("infinity")
	minusInfinity = []byte("-infinity")
)

// appendTime appends a date, time or log position as the options want it. null says that the value is NULL: years that the
// client's forms cannot hold.
func (d *Decoder) appendTime(b, text []byte) (out []byte, null bool) {
	switch d.form {
	case formDate:
		return appendDate(b, text), false
	case formTime:
		return d.appendFraction(b, text), false
	case formLSN:
		return appendLSN(b, text), false
	case formTimestamp:
		return d.appendTimestamp(b, text)
	}
	return d.appendTimestamptz(b, text)
}

func appendDate(b, text []byte) []byte {
	switch {
	case bytes.Equal(text, infinity):
		return append(b, "9999-12-31"...)
	case bytes.Equal(text, minusInfinity):
		return append(b, "0000-01-01"...)
	}
	return append(b, text...)
}

// appendFraction appends a time that may end in .ffffff with exactly the digits that the options ask for.
func (d *Decoder) appendFraction(b, text []byte) []byte {
	if !d.options.ISO {
		return append(b, text...)
	}
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	b = append(b, whole...)
	if d.options.Precision == 0 {
		return b
	}
	b = append(b, '.')
	for i := range d.options.Precision {
		if i < len(fraction) {
			b = append(b, fraction[i])
		} else {
			b = append(b, '0')
		}
	}
	return b
}

func (d *Decoder) appendTimestamp(b, text []byte) ([]byte, bool) {
	if unlimited := unlimitedTime(text); unlimited != nil {
		text = unlimited
	}
	if bytes.HasSuffix(text, []byte(" BC")) {
		return nil, true
	}
	date, clock, ok := bytes.Cut(text, []byte(" "))
	if !ok || !d.options.ISO {
		return append(b, text...), false
	}
	return d.appendFraction(append(append(b, date...), 'T'), clock), false
}

func unlimitedTime(text []byte) []byte {
	switch {
	case bytes.Equal(text, infinity):
		return []byte("9999-12-31 23:59:59")
	case bytes.Equal(text, minusInfinity):
		return []byte("0000-01-01 00:00:00")
	}
	return nil
}

func (d *Decoder) appendTimestamptz(b, text []byte) ([]byte, bool) {
	if unlimited := unlimitedTime(text); unlimited != nil {
		out, _ := d.appendTimestamp(b, unlimited)
		return append(out, 'Z'), false
	}
	if bytes.HasSuffix(text, []byte(" BC")) {
		return nil, true
	}
	at := bytes.LastIndexAny(text, "+-")
	if at < len("2024-01-01 00:00:00") {
		return append(b, text...), false
	}
	seconds, ok := zoneSeconds(text[at:])
	if ok && seconds == 0 && text[4] == '-' && !bytes.HasPrefix(text, []byte("0000")) { // as weir's own sessions ask for
		out, null := d.appendTimestamp(b, text[:at])
		return append(out, 'Z'), null
	}
	clock, fraction, _ := bytes.Cut(text[:at], []byte("."))
	t, err := parseLocal(clock)
	if !ok || err != nil {
		return append(b, text...), false
	}
	t = t.Add(-time.Duration(seconds) * time.Second)
	if t.Year() < 1 || t.Year() > 9999 {
		return nil, true
	}
	var buf [40]byte
	utc := t.AppendFormat(buf[:0], "2006-01-02 15:04:05")
	if len(fraction) > 0 {
		utc = append(append(utc, '.'), fraction...)
	}
	out, null := d.appendTimestamp(b, utc)
	return append(out, 'Z'), null
}

// parseLocal reads a timestamp whose year may have more than four digits.
func parseLocal(text []byte) (time.Time, error) {
	at := bytes.IndexByte(text, '-')
	if at <= 4 {
		return time.Parse("2006-01-02 15:04:05", string(text))
	}
	t, err := time.Parse("2006-01-02 15:04:05", "2000"+string(text[at:]))
	return t.AddDate(8000, 0, 0), err
}

// zoneSeconds reads +02, +05:30 or -00:01:15.
func zoneSeconds(zone []byte) (int, bool) {
	total, unit := 0, 3600
	for part := range bytes.SplitSeq(zone[1:], []byte(":")) {
		if len(part) != 2 || unit == 0 || part[0] < '0' || part[0] > '9' || part[1] < '0' || part[1] > '9' {
			return 0, false
		}
		total += unit * (int(part[0]-'0')*10 + int(part[1]-'0'))
		unit /= 60
	}
	if zone[0] == '-' {
		total = -total
	}
	return total, true
}

// appendLSN pads both halves to eight digits, so that positions order as text.
func appendLSN(b, text []byte) []byte {
	high, low, ok := bytes.Cut(text, []byte("/"))
	if !ok || len(high) > 8 || len(low) > 8 {
		return append(b, text...)
	}
	const zeros = "00000000"
	b = append(append(b, zeros[len(high):]...), high...)
	b = append(b, '/')
	return append(append(b, zeros[len(low):]...), low...)
}
