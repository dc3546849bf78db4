package value

import (
	"bytes"
	"math"
	"time"
)

// maxMillis bounds times to JavaScript's Date.
const maxMillis = 8.64e15

func unixEpoch(args []Value) (Value, error) {
	ms, subsec, ok := instant(args)
	switch {
	case !ok:
		return Value{}, nil
	case subsec:
		return Float(float64(ms) / 1000), nil
	}
	return Int(floorDiv(ms, 1000)), nil
}

func dateTime(args []Value) (Value, error) {
	ms, subsec, ok := instant(args)
	if !ok {
		return Value{}, nil
	}
	layout := "2006-01-02 15:04:05"
	if subsec {
		layout += ".000"
	}
	t := time.UnixMilli(ms).UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return Value{}, nil
	}
	return String(t.Format(layout)), nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// instant reads a time and its modifiers, in milliseconds since 1970.
func instant(args []Value) (ms int64, subsec, ok bool) {
	unix := false
	for i, a := range args[1:] {
		switch modifier := string(a.asText()); {
		case a.kind == Text && modifier == "unixepoch" && i == 0:
			unix = true
		case a.kind == Text && (modifier == "subsec" || modifier == "subsecond"):
			subsec = true
		default:
			return 0, false, false
		}
	}
	v := args[0]
	if v.kind == Text {
		if number, isNumber := wholeNumber(v.text); isNumber {
			v = number
		} else if unix {
			return 0, false, false
		}
	}
	switch v.kind {
	case Integer, Real:
		ms, ok = numberTime(v.float(), unix)
	case Text:
		ms, ok = parseTime(v.text)
	}
	return ms, subsec, ok
}

// wholeNumber reads text that is nothing but a number.
func wholeNumber(text []byte) (Value, bool) {
	j, err := ParseJSON(text)
	if err != nil || j.kind != jsonInteger && j.kind != jsonReal {
		return Value{}, false
	}
	return j.Value(), true
}

// numberTime takes seconds, or a Julian day.
func numberTime(n float64, unix bool) (int64, bool) {
	ms := n * 1000
	if !unix {
		ms = (n - 2440587.5) * 86400000
	}
	if !(math.Abs(ms) <= maxMillis) {
		return 0, false
	}
	return int64(math.Floor(ms + 1e-6)), true
}

// parseTime reads YYYY-MM-DD[( |T)HH:MM[:SS[.fff]][Z|+HH:MM]].
func parseTime(text []byte) (int64, bool) {
	s := timeScanner{rest: bytes.TrimSpace(text), ok: true}
	year := s.number(4)
	s.skip('-')
	month := s.number(2)
	s.skip('-')
	day := s.number(2)
	var hour, minute, second, millis, zone int
	if len(s.rest) > 0 {
		spaced := s.rest[0] == ' '
		if !spaced {
			s.skip('T')
		} else {
			s.skip(' ')
			year = twoDigitYear(year)
		}
		hour = s.number(2)
		s.skip(':')
		minute = s.number(2)
		if s.have(':') {
			second = s.number(2)
			if s.have('.') {
				millis = s.fraction()
			}
		}
		zone = s.zone()
	}
	if !s.ok || len(s.rest) > 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 59 ||
		hour == 24 && (minute > 0 || second > 0 || millis > 0) {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute-zone, second, millis*1e6, time.UTC)
	return t.UnixMilli(), true
}

// twoDigitYear misreads years below 100 as the reference does: it hands the form with a space to a parser that takes them
// for two-digit years.
func twoDigitYear(year int) int {
	switch {
	case year < 50:
		return 2000 + year
	case year < 100:
		return 1900 + year
	}
	return year
}

type timeScanner struct {
	rest []byte
	ok   bool
}

func (s *timeScanner) number(digits int) int {
	n := 0
	for range digits {
		if len(s.rest) == 0 || !isDigit(s.rest[0]) {
			s.ok = false
			return 0
		}
		n = n*10 + int(s.rest[0]-'0')
		s.rest = s.rest[1:]
	}
	return n
}

func (s *timeScanner) have(c byte) bool {
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *timeScanner) skip(c byte) { s.ok = s.have(c) && s.ok }

// fraction reads digits after the point as milliseconds.
func (s *timeScanner) fraction() int {
	n, digits := 0, 0
	for len(s.rest) > 0 && isDigit(s.rest[0]) {
		if digits < 3 {
			n = n*10 + int(s.rest[0]-'0')
		}
		digits++
		s.rest = s.rest[1:]
	}
	s.ok = s.ok && digits > 0
	for ; digits < 3; digits++ {
		n *= 10
	}
	return n
}

// zone reads Z or an offset, in minutes.
func (s *timeScanner) zone() int {
	if s.have('Z') || len(s.rest) == 0 {
		return 0
	}
	sign := 1
	if s.have('-') {
		sign = -1
	} else {
		s.skip('+')
	}
	hours := s.number(2)
	s.skip(':')
	minutes := s.number(2)
	return sign * (hours*60 + minutes)
}
