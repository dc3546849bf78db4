package config

import (
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// placeholder is what a name may have put in.
var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// matchTemplate puts in what the placeholders of a name of source i stand for, and checks the form of what comes out.
func (l *loader) matchTemplate(i int, key string, name *string, form *regexp.Regexp, hint string) {
	source, path := element("sources", i), element("sources", i)+"."+key
	template := *name
	hidden := l.hidden[path]
	ok := true
	*name = placeholder.ReplaceAllStringFunc(template, func(match string) string {
		switch match {
		case "{env}":
			hidden = hidden || l.hidden["env"]
			if l.config.Env == "" {
				l.fault(path, "has {env}, and env is empty", "write env: NAME at the top of the file, or set WEIR_ENV")
				ok = false
			}
			return l.config.Env
		case "{db}":
			hidden = hidden || l.hidden[source+".uri"]
			return l.config.Sources[i].database()
		case "{source}":
			hidden = hidden || l.hidden[source+".name"]
			return l.config.Sources[i].Name
		}
		l.fault(path, "has an unknown placeholder", "there are {env}, {db} and {source}")
		ok = false
		return match
	})
	switch {
	case !ok, form.MatchString(*name):
	case *name == template:
		l.match(source, key, template, form, hint)
	case hidden:
		l.fault(path, "has a wrong form once its placeholders are put in", hint)
	default:
		l.fault(path, "would be "+strconv.Quote(*name)+", which has a wrong form", hint)
	}
}

// database is the name that the source's uri ends in.
func (s *Source) database() string {
	c, err := pgconn.ParseConfig(string(s.URI))
	if err != nil {
		return "" // that it can't be read is a fault already
	}
	return c.Database
}
