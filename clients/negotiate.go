package clients

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/weirsync/weir/clients/wire"
)

// preference is an element of an Accept or Accept-Encoding header.
type preference struct {
	name string // lower case
	q    float64
}

// preferences reads a header of RFC 9110 12.4.2, in the order in which it is written. Elements with a malformed weight are left out.
func preferences(h http.Header, name string) []preference {
	var prefs []preference
	for _, value := range h.Values(name) {
		for element := range strings.SplitSeq(value, ",") {
			if p, ok := parsePreference(element); ok {
				prefs = append(prefs, p)
			}
		}
	}
	return prefs
}

func parsePreference(element string) (preference, bool) {
	what, params, _ := strings.Cut(element, ";")
	p := preference{name: strings.ToLower(strings.TrimSpace(what)), q: 1}
	if p.name == "" {
		return p, false
	}
	for param := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(param, "=")
		if strings.ToLower(strings.TrimSpace(key)) != "q" {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return p, false
		}
		p.q = q
	}
	return p, true
}

// lineFormat chooses the encoding of lines: BSON if the client ranks it above NDJSON, or equal and named first. There is always an
// answer, never 406.
func lineFormat(h http.Header, raw bool) wire.Format {
	prefs := preferences(h, "Accept")
	bson, bsonAt := weigh(prefs, wire.BSON.ContentType())
	json, jsonAt := weigh(prefs, wire.JSON.ContentType())
	switch {
	case bson > json, bson == json && bson > 0 && bsonAt < jsonAt:
		return wire.BSON
	case raw:
		return wire.JSON
	default:
		return wire.NestedJSON
	}
}

// weigh returns the weight that prefs give a media type, by its name or else by a wildcard, and where it stands.
func weigh(prefs []preference, mediaType string) (q float64, at int) {
	for _, name := range []string{mediaType, "application/*", "*/*"} {
		for i, p := range prefs {
			if p.name == name {
				return p.q, i
			}
		}
	}
	return 0, len(prefs)
}

// contentEncoding chooses among zstd, gzip and none (""): the best weight, the earlier of these three on ties.
func contentEncoding(h http.Header) string {
	weights := map[string]float64{}
	for _, p := range preferences(h, "Accept-Encoding") {
		weights[p.name] = p.q
	}
	best, bestWeight := "", 0.0
	for _, name := range []string{"zstd", "gzip", "identity"} {
		q, named := weights[name]
		if !named {
			q = weights["*"]
		}
		if q > bestWeight {
			best, bestWeight = name, q
		}
	}
	if best == "identity" {
		return ""
	}
	return best
}
