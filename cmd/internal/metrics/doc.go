// Package metrics says in Prometheus' words how a process is. It takes the figures that the packages below keep (Stats, Health, Progress)
// when somebody asks for them, so that those count with plain additions and know nothing of Prometheus.
//
//	definitions.go   the table of all metrics: name, labels, help; docs/metrics.md is made of it
//	collect*.go      figures -> samples
//
// Every metric is in definitions; a sample of one that is not is a panic. Names follow Prometheus' conventions: base units (bytes, seconds) as
// suffix, _total for counters.
package metrics
