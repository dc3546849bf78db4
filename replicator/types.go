package replicator

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/syncrules"
)

// typesQuery describes types, with the oids that each refers to. An array is told from other types with elements
// (int2vector, point) by being its element's array type.
const typesQuery = `
SELECT t.oid, t.typname, t.typtype::text,
       CASE WHEN e.typarray = t.oid THEN t.typelem
            WHEN t.typtype = 'd' THEN t.typbasetype
            WHEN t.typtype = 'r' THEN (SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid)
            WHEN t.typtype = 'm' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid)
            ELSE 0::oid END,
       coalesce(e.typarray = t.oid, false),
       coalesce(e.typdelim::text, ','),
       CASE WHEN t.typtype = 'c' THEN array(SELECT attname::text FROM pg_attribute
            WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) END,
       CASE WHEN t.typtype = 'c' THEN array(SELECT atttypid FROM pg_attribute
            WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) END
FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
WHERE t.oid = ANY($1)`

// typeRow is a row of typesQuery.
type typeRow struct {
	oid        uint32
	name, kind string
	refers     uint32
	array      bool
	delim      string
	fieldNames []string
	fieldTypes []uint32
}

// querier is a connection, a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// loadTypes resolves the types with the given oids and all that they are made of. A type that is gone becomes a base type without
// a name: its values pass as text.
func loadTypes(ctx context.Context, q querier, oids []uint32) (map[uint32]*syncrules.Type, error) {
	rows := map[uint32]typeRow{}
	types := map[uint32]*syncrules.Type{}
	for want := oids; len(want) > 0; {
		found, err := queryTypes(ctx, q, want)
		if err != nil {
			return nil, fmt.Errorf("read types: %w", err)
		}
		for _, oid := range want {
			types[oid] = textType(oid)
		}
		want = nil
		for _, row := range found {
			rows[row.oid] = row
			for _, oid := range append(row.fieldTypes, row.refers) {
				if types[oid] == nil && oid != 0 {
					want = append(want, oid)
				}
			}
		}
	}
	for oid, row := range rows {
		row.fill(types[oid], types)
	}
	return types, nil
}

func queryTypes(ctx context.Context, q querier, oids []uint32) ([]typeRow, error) {
	rows, err := q.Query(ctx, typesQuery, oids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r typeRow, err error) {
		err = row.Scan(&r.oid, &r.name, &r.kind, &r.refers, &r.array, &r.delim, &r.fieldNames, &r.fieldTypes)
		return r, err
	})
}

// fill completes t from what the catalog says; every type that it refers to is in types.
func (r *typeRow) fill(t *syncrules.Type, types map[uint32]*syncrules.Type) {
	t.Name, t.Kind, t.Elem = r.name, syncrules.TypeKind(r.kind[0]), types[r.refers]
	switch {
	case r.array:
		t.Kind, t.Delim = syncrules.TypeArray, r.delim[0]
	case r.kind == "p":
		t.Kind = syncrules.TypeBase
	}
	for i, name := range r.fieldNames {
		t.Fields = append(t.Fields, syncrules.Field{Name: name, Type: types[r.fieldTypes[i]]})
	}
}

// textType stands for a type that the catalog has not been asked about: its values pass as they are printed.
func textType(oid uint32) *syncrules.Type { return &syncrules.Type{OID: oid, Kind: syncrules.TypeBase} }
