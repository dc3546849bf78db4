package syncrules

import "fmt"

var precisions = map[string]int{"seconds": 0, "milliseconds": 3, "microseconds": 6, "nanoseconds": 6}

// config reads the config: section. Editions switch the compatibility options' defaults; each can be set either way.
func (d *documentReader) config(n *yamlNode) {
	c := &d.out.config
	if n == nil || n.kind == yamlNull {
		return
	}
	if n.kind != yamlMap {
		d.expected(n, "config", "a mapping")
		return
	}
	keys := d.keys(n, "edition", "timestamps_iso8601", "versioned_bucket_ids", "fixed_json_extract", "custom_postgres_types",
		"timestamp_max_precision", "storage_version", "unstable_sqlite_expression_engine")
	if e := keys["edition"]; e != nil {
		if e.kind != yamlInt || e.number < 1 || e.number > 3 {
			d.fault(e, "the edition is 1, 2 or 3", "")
		} else {
			c.Edition = e.number
		}
	}
	for key, option := range map[string]*bool{
		"timestamps_iso8601": &c.TimestampsISO8601, "versioned_bucket_ids": &c.VersionedBucketIDs,
		"fixed_json_extract": &c.FixedJSONExtract, "custom_postgres_types": &c.CustomPostgresTypes,
	} {
		*option = c.Edition >= 2
		if keys[key] != nil {
			*option = d.bool(keys[key], key)
		}
	}
	c.SQLiteExpressions = d.bool(keys["unstable_sqlite_expression_engine"], "unstable_sqlite_expression_engine")
	d.precision(keys["timestamp_max_precision"])
	if v := keys["storage_version"]; v != nil {
		if v.kind != yamlInt || v.number != 2 && v.number != 3 {
			d.fault(v, "storage_version is 2 or 3", "leave it out: weir has its own storage")
		}
		c.StorageVersion = v.number
	}
}

func (d *documentReader) precision(n *yamlNode) {
	if n == nil {
		return
	}
	if _, known := precisions[n.text]; n.kind != yamlString || !known {
		d.fault(n, "timestamp_max_precision is seconds, milliseconds, microseconds or nanoseconds", "")
		return
	}
	d.out.config.MaxPrecision = n.text
	if !d.out.config.TimestampsISO8601 {
		d.fault(n, "timestamp_max_precision needs timestamps_iso8601", fmt.Sprintf("add timestamps_iso8601: true beside it, or edition: %d", 2))
	}
}
