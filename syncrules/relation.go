package syncrules

import (
	"strings"

	"github.com/weirsync/weir/syncrules/pgvalue"
)

// What Postgres types are is pgvalue's business; these are its words for them.
type (
	// Type describes a Postgres type as far as its text form has to be understood.
	Type = pgvalue.Type
	// TypeKind is pg_type.typtype, with arrays told apart.
	TypeKind = pgvalue.TypeKind
	// Field of a composite type.
	Field = pgvalue.Field
)

// Kinds of Postgres types.
const (
	TypeBase       = pgvalue.TypeBase
	TypeArray      = pgvalue.TypeArray
	TypeEnum       = pgvalue.TypeEnum
	TypeDomain     = pgvalue.TypeDomain
	TypeComposite  = pgvalue.TypeComposite
	TypeRange      = pgvalue.TypeRange
	TypeMultirange = pgvalue.TypeMultirange
)

// Relation is a concrete source table.
type Relation struct {
	Connection   string // name of the source; "default" if empty
	Schema, Name string
	Columns      []Column
}

// Column of a Relation.
type Column struct {
	Name string
	Type *Type
}

// Row is a complete source row: one text in Postgres' output form for each column of the Relation, nil for NULL (an
// empty text is empty, not nil).
type Row [][]byte

// TablePattern names tables that a definition reads.
type TablePattern struct {
	Connection string // "default" if not named
	Schema     string
	Name       string // without the trailing % if Wildcard
	Wildcard   bool
}

func (p TablePattern) String() string {
	s := p.Schema + "." + p.Name
	if p.Wildcard {
		s += "%"
	}
	if p.Connection != defaultConnection {
		s = p.Connection + "." + s
	}
	return s
}

const defaultConnection = "default"

// Matches says whether rel is one of the tables.
func (p TablePattern) Matches(rel *Relation) bool {
	connection := rel.Connection
	if connection == "" {
		connection = defaultConnection
	}
	if connection != p.Connection || rel.Schema != p.Schema {
		return false
	}
	return rel.Name == p.Name || p.Wildcard && strings.HasPrefix(rel.Name, p.Name)
}
