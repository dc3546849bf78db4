package syncrules

// event compiles an event definition: every row of its tables gives an event with the selected columns. WHERE is not applied,
// as the reference does not apply it.
func (c *compiler) event(raw rawEvent) *Definition {
	b := &bucketCompiler{compiler: c, raw: rawBucket{name: raw.name}, plan: &plan{}}
	d := &Definition{Name: raw.name, Kind: Event, Priority: priorityDefault, plan: b.plan, options: c.config}
	for _, text := range raw.payloads {
		b.payload(text)
	}
	return d
}

func (b *bucketCompiler) payload(text *queryText) {
	q := b.reporterOf(text)
	sel := q.parse()
	if sel == nil || !singleTable(q, sel) {
		return
	}
	table, schema := b.table(q, sel.From[0])
	scope := &legacyScope{queryReporter: q, table: table, alias: table.alias, schema: schema}
	builder := &builder{queryReporter: q, dialect: b.dialect(), names: scope, inLists: true}
	row := &rowQuery{kind: rowEvent, label: text.label, from: table.table, variants: []*rowVariant{{}}}
	row.columns = b.columns(builder, scope, sel)
	if sel.Where != nil {
		builder.expr(sel.Where)
		q.notice(sel.Where, "the WHERE of an event is not applied: every row of the table gives an event", "")
	}
	b.plan.rows = append(b.plan.rows, row)
}
