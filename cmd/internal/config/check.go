package config

import (
	"net"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Limits of the values.
const (
	workersMax    = 64
	chunkBytesMin = 64 * KiB

	requestMin = 4 * KiB
	requestMax = 64 * MiB
)

var (
	sourceName  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	slotName    = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
	publication = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
)

// check notes the values that are of the right type and yet wrong.
func (l *loader) check() {
	l.checkSources()
	l.checkListen()
	l.checkTLS()
	l.checkAuth()
	l.checkClients()
	l.checkSnapshot()
	l.checkTraces()
	c := l.config
	if c.Store.Path == "" {
		l.fault("store.path", "is empty", "write the name of the store's file, such as ./weir.db")
	}
	if c.Rules.KeepRetired < 0 {
		l.fault("rules.keep_retired", "is negative", "write how long a replaced version can be rolled back to, such as 24h, or 0s")
	}
	if p := c.Store.Compact.SupersededPercent; p < 1 || p > 100 {
		l.fault("store.compact.superseded_percent", "is out of range", "write a number from 1 to 100")
	}
	if c.Store.Compact.MemoryLimit < MiB {
		l.fault("store.compact.memory_limit", "is too small", "write at least 1MiB")
	}
	for i, t := range c.API.Tokens {
		if t == "" || strings.ContainsAny(string(t), " \t\r\n") {
			l.fault(element("api.tokens", i), "is empty or has spaces", "write a long random text, as from openssl rand -hex 32")
		}
	}
}

func (l *loader) checkSources() {
	if len(l.config.Sources) == 0 && l.in.NeedSource && !l.noFile {
		l.fault("sources", "is missing", "write a list with one source, or set WEIR_SOURCE_URI")
	}
	seen := make(map[string]bool)
	for i := range l.config.Sources {
		s := &l.config.Sources[i]
		path := element("sources", i)
		if s.URI == "" {
			l.faultNear(path, child(path, "uri"), "is missing", "write postgres://user:password@host:5432/database")
		}
		if s.PrimaryURI != "" && s.URI.severalHosts() {
			l.fault(child(path, "uri"), "names several hosts beside a primary_uri", "name one standby: slot and tables are read from the same one")
		}
		l.match(path, "name", s.Name, sourceName, "write lower-case letters, digits, - and _, at most 63")
		l.matchTemplate(i, "slot", &s.Slot, slotName, "Postgres takes lower-case letters, digits and _, at most 63")
		l.matchTemplate(i, "publication", &s.Publication, publication, "write letters, digits and _, at most 63, no digit first")
		if seen[s.Name] {
			l.fault(child(path, "name"), "is that of another source", "give each source a name of its own")
		}
		seen[s.Name] = true
	}
}

// match checks the form of a name.
func (l *loader) match(path, key, name string, form *regexp.Regexp, hint string) {
	if form.MatchString(name) {
		return
	}
	if name == "" {
		l.faultNear(path, child(path, key), "is missing", hint)
		return
	}
	l.fault(child(path, key), l.shown(child(path, key), name)+"has a wrong form", hint)
}

// checkListen checks the addresses to listen on.
func (l *loader) checkListen() {
	l.checkAddress("listen", l.config.Listen)
	api := &l.config.API
	switch {
	case api.Listen != "":
		l.checkAddress("api.listen", api.Listen)
	case api.Pprof:
		l.fault("api.pprof", "needs a listener that clients don't reach", "write api.listen too, such as 127.0.0.1:9090")
	}
}

func (l *loader) checkAddress(key, listen string) {
	_, port, err := net.SplitHostPort(listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		l.fault(key, l.shown(key, listen)+"is no address to listen on",
			"write host:port with a port up to 65535, such as 127.0.0.1:8080 or :8080")
	}
}

func (l *loader) checkTLS() {
	switch t := l.config.TLS; {
	case t.Cert != "" && t.Key == "":
		l.faultNear("tls", "tls.key", "is missing", "write the name of the certificate's key file")
	case t.Cert == "" && t.Key != "":
		l.faultNear("tls", "tls.cert", "is missing", "write the name of the key's certificate file")
	}
}

func (l *loader) checkAuth() {
	a := &l.config.Auth
	if len(a.JWKS.Keys)+len(a.JWKSURI) > 0 && len(a.Audience) == 0 {
		l.faultNear("auth", "auth.audience", "is missing, so that no token would be accepted",
			"write the aud of your tokens, such as [weir]")
	}
	for i, audience := range a.Audience {
		if audience == "" {
			l.fault(element("auth.audience", i), "is empty", "write the aud of your tokens")
		}
	}
	if a.Supabase && a.SupabaseJWTSecret == "" && len(l.config.Sources) > 0 && l.config.supabaseURI() == "" {
		l.fault("auth.supabase", "is true, but no source is at db.PROJECT.supabase.co",
			"write supabase_jwt_secret, or the address of the project's keys as jwks_uri")
	}
	if !a.Supabase && a.SupabaseJWTSecret != "" {
		l.fault("auth.supabase_jwt_secret", "has no effect while auth.supabase is false", "write supabase: true beside it")
	}
	ids := make(map[string]bool)
	for i := range a.JWKS.Keys {
		key := &a.JWKS.Keys[i]
		path := element("auth.jwks.keys", i)
		l.checkKey(key, path)
		if key.Kid != "" && ids[key.Kid] {
			l.fault(child(path, "kid"), "is that of another key", "give each key a kid of its own")
		}
		ids[key.Kid] = true
	}
}

func (l *loader) checkKey(key *JWK, path string) {
	if key.Use != "" && key.Use != "sig" {
		l.fault(child(path, "use"), "is not sig", "list keys that verify signatures only")
	}
	jwk := key.Key()
	_, err := jwk.Parse()
	if err == nil {
		return
	}
	message := "cannot be used: " + err.Error()
	for _, name := range []string{"kty", "alg", "crv"} {
		if l.hidden[child(path, name)] {
			message = "cannot be used" // the reason repeats these values
		}
	}
	l.fault(path, message, "an oct key needs kty, alg and k; an RSA key kty, kid, n and e; an EC or OKP key kty, crv, x (and y)")
}

func (l *loader) checkClients() {
	c := &l.config.Clients
	for _, limit := range []struct {
		key   string
		value int
	}{
		{"max_connections", c.MaxConnections},
		{"max_user_connections", c.MaxUserConnections},
		{"max_buckets", c.MaxBuckets},
		{"max_parameter_results", c.MaxParameterResults},
	} {
		if limit.value < 1 {
			l.fault(child("clients", limit.key), "is out of range", "write a number of at least 1")
		}
	}
	if c.MaxRequest < requestMin || c.MaxRequest > requestMax {
		l.fault("clients.max_request", "is out of range", "write a size from "+requestMin.String()+" to "+requestMax.String())
	}
}

func (l *loader) checkSnapshot() {
	s := &l.config.Snapshot
	if s.Workers < 1 || s.Workers > workersMax {
		l.fault("snapshot.workers", "is out of range", "write a number from 1 to "+strconv.Itoa(workersMax))
	}
	if s.ChunkBytes < chunkBytesMin {
		l.fault("snapshot.chunk_bytes", "is too small", "write at least "+chunkBytesMin.String())
	}
	if s.MemoryLimit < s.ChunkBytes {
		l.fault("snapshot.memory_limit", "is less than snapshot.chunk_bytes", "write several times as much")
	}
}

// shown returns a value quoted and with a space after it, or nothing if it came
// out of a ${NAME}.
func (l *loader) shown(path, value string) string {
	if l.hidden[path] {
		return ""
	}
	return strconv.Quote(value) + " "
}

// shownText is the same for a value of a variable or flag.
func shownText(v reflect.Value, text string) string {
	if isSecret(v) {
		return ""
	}
	return strconv.Quote(text)
}
