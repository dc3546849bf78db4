package syncrules

// plan is what a definition does, as data: the checker's result and the compiler's input. Both kinds of definition become
// the same plan.
//
//	row of a table --rowQuery--> rows in buckets | parameter rows | events
//	request --requestQuery--> tuples --lookups of parameter rows--> tuples --> bucket names
type plan struct {
	rows     []*rowQuery
	requests []*requestQuery
}

type rowKind uint8

const (
	rowData rowKind = iota
	rowLookup
	rowEvent
)

// rowQuery evaluates the rows of one table. Its variants are the branches of an OR: an error in any fails them all.
type rowQuery struct {
	kind     rowKind
	label    string // for errors: data[0]
	from     TablePattern
	columns  []outColumn // of data and events
	starLast bool        // a later * overwrites earlier columns; else named columns win over it
	table    string      // output table; "": the source table's name
	variants []*rowVariant
}

// outColumn is an item of a select list.
type outColumn struct {
	star bool
	name string
	expr *expression
}

// rowVariant: for every combination of the elements of expand for which the filters are true, one output. The values of
// keys make the bucket's name or the lookup's key.
type rowVariant struct {
	prefix  string // of bucket names
	lookup  int    // number of the lookup within the definition
	expand  []*source
	filters []*expression
	keys    []rowKey
	outputs []*expression // of lookups
}

// rowKey is one value of a bucket name or lookup key. Several expressions all have to give the same value.
type rowKey struct {
	values []*expression
	// keepNull stores a row whose value is NULL under null, where no request ever looks, as edition 2 streams do.
	keepNull bool
}

// requestQuery finds buckets of a request. It works on tuples: first one empty tuple, multiplied by the elements of each,
// then extended by the computed values, then multiplied by the rows that each lookup finds.
type requestQuery struct {
	label      string
	prefix     string // of bucket names
	priority   *int   // of the buckets found this way, if it is not the definition's
	conditions []*expression
	each       []eachStep
	computed   []*expression
	lookups    []lookupStep
	params     []slot // of the bucket's name
	keepNull   bool   // a NULL parameter is null in the bucket's name; else there is no bucket
}

// eachStep multiplies tuples by the elements of a json_each; tuples for which a condition is not true go.
type eachStep struct {
	source     *source
	conditions []*expression
}

// lookupStep multiplies tuples by the rows of a lookup.
type lookupStep struct {
	lookup  int
	keys    []slot
	outputs int
	query   *rowQuery
}

// slot is a place in a tuple: a computed value, or an output of a lookup.
type slot struct {
	lookup int // -1: computed
	at     int
}

func computedSlot(at int) slot { return slot{-1, at} }
