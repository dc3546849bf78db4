// Package config reads what an operator tells weir: a YAML file, the
// environment and flags, the later over the earlier.
//
//	Load ── readFile   YAML tree, strict, with positions     (file.go)
//	     ── readEnv    WEIR_... variables                    (env.go)
//	     ── readFlags  --... flags                           (env.go)
//	     ── fill       what depends on other keys            (config.go)
//	     ── check      what no type can say                  (check.go)
//
// Reference writes docs/configuration.md from the same struct and what meanings.go
// says of each key.
//
// All faults come back at once. One in the file shows file:line:column, the
// line and a caret, one elsewhere the variable or flag, and each says what to
// write instead.
//
// Every key is also an environment variable: WEIR_ and the key in upper case,
// with underscores for dots, dashes and brackets. snapshot.memory_limit is
// WEIR_SNAPSHOT_MEMORY_LIMIT; the second source's uri is WEIR_SOURCES_1_URI,
// the first one's WEIR_SOURCES_0_URI or WEIR_SOURCE_URI; a list of texts can be
// given whole, as in WEIR_AUTH_AUDIENCE=weir,app. An empty variable counts as
// not set. WEIR_ variables that are no key are not looked at: they may be
// there for a ${NAME}.
//
// In the file, a list of one text can be written without its dash, and ${NAME}
// in a value stands for an environment variable, $${ for ${ itself. It is put
// in after the YAML is read, so its text is never taken for YAML.
//
// No secret is ever printed: neither a value of a secret key, nor one that
// came out of a ${NAME}, nor what else a shown line holds. Of a line only keys
// and values known to be harmless are shown (excerpt.go); all else is ***.
package config
