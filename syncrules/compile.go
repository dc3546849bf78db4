package syncrules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirsync/weir/syncrules/sql"
)

// Compile compiles a rules text. The program is nil if and only if a diagnostic is fatal.
func Compile(text []byte, opts CompileOptions) (*Program, Diagnostics) {
	r := &reporter{text: text}
	doc := readDocument(r) // YAML -> structure
	if doc == nil {
		return nil, r.sorted()
	}
	c := newCompiler(r, doc, opts)
	definitions := c.definitions() // SQL -> AST -> checked expressions -> plans
	if r.found.Fatal() {
		return nil, r.sorted()
	}
	for _, d := range definitions {
		if err := d.compile(); err != nil { // plans -> programs
			r.add(Fatal, d.Name, 0, 0, err.Error(), "")
		}
	}
	if r.found.Fatal() {
		return nil, r.sorted()
	}
	return &Program{definitions: definitions, config: doc.config, references: c.references}, r.sorted()
}

// compiler holds what all definitions of a text share.
type compiler struct {
	*reporter
	doc        *document
	config     Config
	options    CompileOptions
	used       map[*yamlNode]bool // common table expressions that are used
	sources    int
	references []Reference
}

func newCompiler(r *reporter, doc *document, opts CompileOptions) *compiler {
	if opts.DefaultSchema == "" {
		opts.DefaultSchema = "public"
	}
	return &compiler{reporter: r, doc: doc, config: doc.config, options: opts, used: map[*yamlNode]bool{}}
}

func (c *compiler) definitions() []*Definition {
	var all []*Definition
	for _, raw := range c.doc.buckets {
		all = append(all, c.bucket(raw))
	}
	for _, raw := range c.doc.streams {
		all = append(all, c.stream(raw))
	}
	c.unused(c.doc.ctes, "")
	for _, raw := range c.doc.events {
		all = append(all, c.event(raw))
	}
	for _, d := range all {
		d.Fingerprint = fingerprint(d)
	}
	return all
}

func (c *compiler) nextSource() int {
	c.sources++
	return c.sources
}

// pattern is what a table name in SQL stands for: [schema.]table, where a quoted schema may start with a connection's name.
func (c *compiler) pattern(q *queryReporter, t *sql.TableName) TablePattern {
	p := TablePattern{Connection: defaultConnection, Schema: c.options.DefaultSchema, Name: t.Name.Name}
	if t.Schema != nil {
		p.Schema = t.Schema.Name
		if connection, schema, ok := strings.Cut(p.Schema, "."); ok && t.Schema.Quoted {
			p.Connection, p.Schema = connection, schema
		}
		if strings.HasSuffix(p.Schema, "%") {
			q.fault(t.Schema, "wildcards are supported in table names only", "name every schema in a query of its own")
		}
	}
	if wildcard(t.Name) {
		p.Wildcard, p.Name = true, strings.TrimSuffix(p.Name, "%")
	}
	start, end := q.place(t.Pos())
	c.references = append(c.references, Reference{q.definition, p, c.position(start), c.position(end)})
	return p
}

// wildcard says whether a name stands for every table that starts with it.
func wildcard(name sql.Ident) bool { return name.Quoted && strings.HasSuffix(name.Name, "%") }

// tableSchema is what is known of the columns of a table in FROM; nil: nothing.
type tableSchema struct{ columns map[string]bool }

// schemaOf finds the columns of a table, and warns if there is no such table.
func (c *compiler) schemaOf(q *queryReporter, at *sql.TableName, pattern TablePattern) *tableSchema {
	if c.options.Schema == nil || pattern.Connection != defaultConnection && !c.options.Schema.covers(pattern.Connection) {
		return nil
	}
	out := &tableSchema{columns: map[string]bool{}}
	found := false
	for i := range c.options.Schema.Tables {
		rel := &c.options.Schema.Tables[i]
		if !pattern.Matches(rel) {
			continue
		}
		found = true
		for _, col := range rel.Columns {
			out.columns[col.Name] = true
		}
	}
	if !found {
		q.warn(at, fmt.Sprintf("there is no table %s", pattern), "")
		return nil
	}
	return out
}

// covers says whether any table of a connection is known: if none is, nothing can be said of it.
func (s *Schema) covers(connection string) bool {
	return slices.ContainsFunc(s.Tables, func(rel Relation) bool { return rel.Connection == connection })
}

func (s *tableSchema) known() bool          { return s != nil }
func (s *tableSchema) has(name string) bool { return s.columns[name] }

// check warns about a column that the table does not have.
func (s *tableSchema) check(q *queryReporter, ref *sql.Ref, name string) {
	if s.known() && !s.has(name) {
		q.warn(ref, fmt.Sprintf("there is no column %q", name), "")
	}
}
