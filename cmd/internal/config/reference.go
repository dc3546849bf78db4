package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/weirsync/weir/buckets"
)

const referenceHead = `# Configuration

<!-- Written by "make docs" from cmd/internal/config. -->

One YAML file: ` + "`weir.yaml` in the working directory, or what `--config` or `WEIR_CONFIG` names" + `. Keys that there are not are faults, and
all faults are reported at once, with their place and what to write instead.

Each key is also an environment variable, which counts more than the file: ` + "`WEIR_`" + ` and the key in upper case, with underscores.
` + "`snapshot.memory_limit` is `WEIR_SNAPSHOT_MEMORY_LIMIT`, `sources[].uri` of the only source `WEIR_SOURCE_URI`, of the second one" + `
` + "`WEIR_SOURCES_1_URI`" + `. A list of texts is given whole, with commas. In the file ` + "`${NAME}`" + ` stands for a variable of any name (and
` + "`$${`" + ` for itself): keep secrets out of the file with it. Flags count most; ` + "`weir serve --help`" + ` lists them.

Sizes are written as 64KiB, 256MiB or 2GiB, durations as 500ms, 10s or 1h30m. A list of one text can be written without its dash.

A running weir does not read its configuration again: restart it. What changes by itself: the files of ` + "`tls`" + `, and keys behind
` + "`auth.jwks_uri`" + `. Clients come back by themselves and go on where they were.
`

// Reference writes the page that tells all keys, Markdown.
func Reference() string {
	c := Default()
	c.Sources = []Source{{Name: SourceNameDefault}}
	c.fill()
	var single, sections strings.Builder
	v := reflect.ValueOf(c).Elem()
	for i, key := range keysOf(v.Type()) {
		field := v.Field(i)
		if isLeaf(field) {
			row(&single, key, field)
			continue
		}
		fmt.Fprintf(&sections, "\n## %s\n\n%s\n\n%s", key, meanings[key], tableHead)
		rows(&sections, key, field)
	}
	return referenceHead + "\n" + tableHead + single.String() + sections.String()
}

const tableHead = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n"

// rows writes a line for each leaf at and below a key.
func rows(b *strings.Builder, path string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		for i, key := range keysOf(v.Type()) {
			rows(b, child(path, key), v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		element := reflect.New(v.Type().Elem()).Elem()
		if v.Len() > 0 {
			element = v.Index(0)
		}
		rows(b, path+"[]", element)
	default:
		row(b, path, v)
	}
}

func row(b *strings.Builder, path string, v reflect.Value) {
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", path, typeName(v.Type()), defaultText(v), meanings[path])
}

// typeName says what may be written.
func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Slice {
		return "list: " + typeName(t.Elem())
	}
	switch t {
	case reflect.TypeFor[Secret]():
		return "secret text"
	case reflect.TypeFor[URI]():
		return "connection string, secret"
	case reflect.TypeFor[KeyURI](), reflect.TypeFor[CollectorURI]():
		return "URL"
	case reflect.TypeFor[AddressRange]():
		return "`10.0.0.0/8` or address"
	case reflect.TypeFor[Bytes]():
		return "size"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[slog.Level]():
		return choice("debug", "info", "warn", "error")
	case reflect.TypeFor[LogFormat]():
		return choice(string(LogText), string(LogJSON))
	case reflect.TypeFor[Management]():
		return choice(string(Auto), string(Manual))
	case reflect.TypeFor[SlotLoss]():
		return choice(string(LossResnapshot), string(LossStop))
	case reflect.TypeFor[RowImages]():
		return choice(string(buckets.RowImagesNone), string(buckets.RowImagesToast), string(buckets.RowImagesAll))
	case reflect.TypeFor[bool]():
		return choice("true", "false")
	case reflect.TypeFor[int]():
		return "number"
	case reflect.TypeFor[string]():
		return "text"
	}
	panic("config: no name for " + t.String())
}

func choice(texts ...string) string { return "`" + strings.Join(texts, "`, `") + "`" }

// zeros takes from a duration, with a space behind it, the units that say nothing.
var zeros = strings.NewReplacer("h0m0s ", "h", "m0s ", "m", " ", "")

// defaultText writes a default as it would be written in the file, or nothing.
func defaultText(v reflect.Value) string {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.String && v.Len() == 0 {
		return ""
	}
	text := fmt.Sprint(v.Interface())
	switch d := v.Interface().(type) {
	case slog.Level:
		text = strings.ToLower(text)
	case time.Duration:
		text = zeros.Replace(d.String() + " ")
	}
	return "`" + text + "`"
}
