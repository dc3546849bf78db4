package deploys

import (
	"slices"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/replicator"
)

// phases are words for people.
var phases = map[buckets.Phase]string{
	buckets.Registered: "waiting", buckets.Chunking: "reading", buckets.Repairing: "settling", buckets.Done: "done",
}

// Progress says how far a version is: which tables are read that only it needs.
func (d *Deploys) Progress(v admin.Version) *admin.Progress {
	p := &admin.Progress{Version: v, Tables: []admin.TableProgress{}, Waiting: []string{}}
	if v.State != string(buckets.Deploying) {
		return p
	}
	building := d.building(buckets.VersionID(v.ID))
	for _, src := range d.sources {
		for _, t := range src.Progress() {
			if concerns(&t, building) {
				p.Tables = append(p.Tables, tableOf(src.Catalog.Name, &t))
				p.Rows += t.Rows
				p.Estimated += max(t.Estimated, t.Rows)
			}
		}
		p.Waiting = append(p.Waiting, obstacles(src)...)
	}
	if p.Rate = d.rate(); p.Rate > 0 {
		p.Seconds = float64(p.Estimated-p.Rows) / p.Rate
	}
	return p
}

// Phase is the API's word for what is being done with a table.
func Phase(t *replicator.TableProgress) string {
	if t.Copying {
		return "copying"
	}
	return phases[t.Phase]
}

func tableOf(source string, t *replicator.TableProgress) admin.TableProgress {
	return admin.TableProgress{
		Source: source, Schema: t.Schema, Name: t.Name, Phase: Phase(t), Rows: t.Rows, Estimated: t.Estimated, Waiting: t.Waiting,
	}
}

// concerns tells whether a table is read for one of the definitions.
func concerns(t *replicator.TableProgress, definitions []buckets.DefinitionID) bool {
	return slices.ContainsFunc(t.Definitions, func(id buckets.DefinitionID) bool { return slices.Contains(definitions, id) })
}

// obstacles is what keeps a source from going on.
func obstacles(src Source) (out []string) {
	h := src.Health()
	if h.Waiting != "" {
		out = append(out, "source "+h.Source+": waits for "+h.Waiting)
	}
	for _, f := range h.Faults {
		out = append(out, "source "+h.Source+": "+f.Message)
	}
	return out
}

// building lists the definitions that version id needs and the active one doesn't.
func (d *Deploys) building(id buckets.VersionID) []buckets.DefinitionID {
	var out []buckets.DefinitionID
	active := map[buckets.DefinitionID]bool{}
	for _, v := range d.store.Versions() {
		if v.State == buckets.Active {
			for _, x := range d.definitions(&v) {
				active[x] = true
			}
		}
		if v.ID == id {
			out = d.definitions(&v)
		}
	}
	return slices.DeleteFunc(out, func(x buckets.DefinitionID) bool { return active[x] })
}

// definitions are the ids of a live version's definitions.
func (d *Deploys) definitions(v *buckets.Version) (ids []buckets.DefinitionID) {
	if v.Program == nil {
		return nil
	}
	for _, def := range d.store.Definitions() {
		for _, rules := range v.Program.Definitions() {
			if rules.Fingerprint == def.Rules.Fingerprint {
				ids = append(ids, def.ID)
				break
			}
		}
	}
	return ids
}
