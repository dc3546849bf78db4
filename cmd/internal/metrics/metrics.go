package metrics

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/replicator"
)

// Process is what the metrics are of. All are needed.
type Process struct {
	Version string
	Store   *buckets.Store
	Sources []Source
	Server  *clients.Server
	Health  clients.Health
}

// Source is a source with the name of its slot.
type Source struct {
	Slot string
	*replicator.Source
}

// Handler answers with all metrics: weir's own, and those of the Go runtime and the process.
func Handler(p Process) http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{p}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// All lists weir's own metrics by name.
func All() []Definition {
	var out []Definition
	for _, d := range definitions {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// collector is asked at every scrape.
type collector struct{ Process }

// Describe lists all metrics.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		ch <- definitions[name].desc
	}
}

// Collect takes the figures of now.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	out := samples{ch}
	out.set("weir_build_info", 1, c.Version)
	out.set("weir_ready", truth(c.Health.Probe().Ready))
	for _, src := range c.Sources {
		out.source(src)
	}
	out.store(c.Store)
	out.deploys(c.Store.Versions())
	out.clients(c.Server.Stats())
}

// samples sends samples of the metrics that are defined.
type samples struct{ ch chan<- prometheus.Metric }

// set sends a value, with the labels in the order of the definition.
func (s samples) set(name string, value float64, labels ...string) {
	d := definitions[name]
	kind := prometheus.GaugeValue
	if d.Kind == Counter {
		kind = prometheus.CounterValue
	}
	s.ch <- prometheus.MustNewConstMetric(d.desc, kind, value, labels...)
}

// latency sends a histogram in seconds.
func (s samples) latency(name string, c buckets.LatencyCounts, labels ...string) {
	upto := make(map[float64]uint64, len(c.Upto))
	for bound, n := range c.Upto {
		upto[bound.Seconds()] = n
	}
	s.ch <- prometheus.MustNewConstHistogram(definitions[name].desc, c.Count, c.Sum.Seconds(), upto, labels...)
}

// one sends 1 for the value that is the case, and 0 for the others.
func (s samples) one(name, is string, all []string, labels ...string) {
	for _, value := range all {
		s.set(name, truth(value == is), append(slices.Clip(labels), value)...)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
