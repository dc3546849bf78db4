package config

import (
	"errors"
	"fmt"
	"regexp"
)

// reference is a ${NAME}, the escape of one, or the beginning of a bad one.
var reference = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{`)

var wholeReference = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`)

// onlyVariable says that a value is one ${NAME}, which may be shown.
func onlyVariable(raw string) bool { return wholeReference.MatchString(raw) }

// substitute puts variables in. used says whether there were any: then the text
// must not be shown. All variables that are not set are in the error.
func substitute(raw string, getenv func(string) (string, bool)) (text string, used bool, err error) {
	var faults []error
	text = reference.ReplaceAllStringFunc(raw, func(match string) string {
		if match == "$${" {
			return "${"
		}
		name := reference.FindStringSubmatch(match)[1]
		if name == "" {
			faults = append(faults, errors.New("has a ${ that no name and } follow"))
			return ""
		}
		value, set := getenv(name)
		if !set {
			faults = append(faults, fmt.Errorf("needs environment variable %s, which is not set", name))
		}
		used = true
		return value
	})
	return text, used, errors.Join(faults...)
}
