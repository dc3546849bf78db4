package config

import (
	"errors"
	"net/url"
	"strings"
)

// Traces says where the way of commits is told.
type Traces struct {
	Endpoint CollectorURI `yaml:"endpoint"` // "" for no traces
	OneIn    int          `yaml:"one_in"`   // commits
}

// CollectorURI is the address of an OpenTelemetry collector (OTLP over HTTP). It has no credentials: one that has them is a fault, and
// not shown.
type CollectorURI string

// UnmarshalText checks the text. It does not connect.
func (u *CollectorURI) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Hostname() == "" || parsed.User != nil ||
		strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" {
		return errors.New("write a URL without path, user and password, such as http://127.0.0.1:4318; credentials go into the variable " +
			"OTEL_EXPORTER_OTLP_HEADERS")
	}
	*u = CollectorURI(text)
	return nil
}

func (l *loader) checkTraces() {
	if l.config.Traces.OneIn < 1 {
		l.fault("traces.one_in", "is out of range", "write 1 for every commit, 100 for one in a hundred")
	}
}
