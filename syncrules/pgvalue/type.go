package pgvalue

// TypeKind is pg_type.typtype, with arrays told apart.
type TypeKind byte

// Kinds of Postgres types.
const (
	TypeBase       TypeKind = 'b'
	TypeArray      TypeKind = 'a'
	TypeEnum       TypeKind = 'e'
	TypeDomain     TypeKind = 'd'
	TypeComposite  TypeKind = 'c'
	TypeRange      TypeKind = 'r'
	TypeMultirange TypeKind = 'm'
)

// Type describes a Postgres type as far as its text form has to be understood.
type Type struct {
	OID    uint32
	Name   string // typname of a base type as in pg_type: int4, timestamptz, ...
	Kind   TypeKind
	Elem   *Type   // element of an array, base of a domain, subtype of a range, range of a multirange
	Delim  byte    // of an array's elements: ',' or, for box, ';'
	Fields []Field // of a composite
}

// Field of a composite type.
type Field struct {
	Name string
	Type *Type
}

// Options are the compatibility options that change values.
type Options struct {
	ISO       bool // timestamps_iso8601
	Custom    bool // custom_postgres_types
	Precision int  // digits of a second that timestamp_max_precision leaves: 0, 3 or 6
}
