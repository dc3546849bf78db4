package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/weirsync/weir/cmd/internal/config"
)

// replica is rules over a table, and the slot, publication and store of their own that weir has for them.
type replica struct {
	name  string
	table string
	rules string
	tight bool // snapshots are concurrent, whatever the flags say, in tightMemory
}

var (
	globalReplica = &replica{name: "weir_global", table: items, rules: rulesGlobal(items)}
	wideReplica   = &replica{name: "weir_wide", table: wide, rules: rulesGlobal(wide), tight: true}
	tenthReplica  = &replica{name: "weir_tenth", table: tenth, rules: rulesGlobal(tenth)}
	manyReplica   = &replica{name: "weir_many", table: many, rules: rulesByOwner(many)}
	ownersReplica = &replica{name: "weir_owners", table: items, rules: rulesByOwner(items)}
	servedReplica = &replica{name: "weir_served", table: served, rules: rulesByOwner(served)}
)

// rulesGlobal gives everybody the same bucket.
func rulesGlobal(table string) string {
	return `bucket_definitions:
  everything:
    data: [SELECT * FROM ` + table + `]
`
}

// rulesByOwner gives each owner a bucket, which clients find by a parameter query.
func rulesByOwner(table string) string {
	return `bucket_definitions:
  owner:
    parameters: SELECT id AS owner_id FROM bench_owners WHERE user_id = request.user_id()
    data: [SELECT * FROM ` + table + ` WHERE owner_id = bucket.owner_id]
`
}

const audience = "bench"

const configText = `sources:
  - {uri: %q, slot: %s, publication: %s}
store: {path: %q}
rules: {path: %q}
listen: 127.0.0.1:0
auth:
  audience: [%s]
  jwks: {keys: [{kty: oct, alg: HS256, kid: %s, k: %s}]}
snapshot: {concurrent: %t, memory_limit: %d}
log: {level: warn}
`

// tightMemory is the limit that the target of memory was set for.
const tightMemory = 128 * config.MiB

// memoryLimit of snapshots is the default, but for a tight replica.
func (r *replica) memoryLimit() config.Bytes {
	if r.tight {
		return tightMemory
	}
	return config.Default().Snapshot.MemoryLimit
}

func (b *bench) storePath(r *replica) string { return filepath.Join(b.dir, r.name+".db") }

// configure writes the rules and the configuration of a weir for r.
func (b *bench) configure(r *replica) (file string, err error) {
	rules := filepath.Join(b.dir, r.name+".rules.yaml")
	if err := os.WriteFile(rules, []byte(r.rules), 0o600); err != nil {
		return "", err
	}
	text := fmt.Sprintf(configText, b.pg.uri, r.name, r.name, b.storePath(r), rules,
		audience, b.key.Kid, b.key.K, b.o.concurrent || r.tight, r.memoryLimit())
	file = filepath.Join(b.dir, r.name+".yaml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// serve starts weir on a store that holds the replica's snapshot, and returns when it serves and is at rest: a snapshot leaves row
// states to merge.
func (b *bench) serve(ctx context.Context, r *replica) error {
	if err := b.fill(ctx, r); err != nil {
		return err
	}
	if b.weir == nil {
		if err := b.startWeir(ctx, r); err != nil {
			return err
		}
		if err := b.weir.ready(ctx); err != nil {
			return err
		}
	}
	b.progress.step("wait until weir is at rest")
	return rest(ctx, b.weir.cmd.Process.Pid)
}

// serveFresh does so with a process that has done nothing else: what a snapshot leaves to the garbage collector skews figures of memory.
func (b *bench) serveFresh(ctx context.Context, r *replica) error {
	if err := b.fill(ctx, r); err != nil {
		return err
	}
	if err := b.stopWeir(); err != nil {
		return err
	}
	return b.serve(ctx, r)
}

// fill makes the replica's store unless an earlier scenario has done so. If it has to, weir is left running.
func (b *bench) fill(ctx context.Context, r *replica) error {
	if b.filled[r] {
		return nil
	}
	if err := b.need(ctx, r.table); err != nil {
		return err
	}
	b.progress.step("fill the store of %s", r.name)
	if err := b.startWeir(ctx, r); err != nil {
		return err
	}
	if err := b.weir.ready(ctx); err != nil {
		return err
	}
	b.filled[r] = true
	return nil
}

// discard removes the replica's store and slot, which would keep WAL back. Weir must have been stopped.
func (b *bench) discard(ctx context.Context, r *replica) error {
	b.filled[r] = false
	if _, err := b.pg.conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", r.name); err != nil {
		return fmt.Errorf("drop slot %s: %w", r.name, err)
	}
	return os.Remove(b.storePath(r))
}
