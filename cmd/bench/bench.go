package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/weirsync/weir/clients/auth"
)

// bench is a run: what its scenarios share. For one goroutine.
type bench struct {
	o        *options
	sizes    sizes
	progress *progress
	dir      string // temporary, of stores and configurations
	key      auth.JWK
	pg       *postgres
	filled   map[*replica]bool // whose store holds a finished snapshot

	current string // scenario
	weir    *weir  // the running child, nil if there is none
}

func newBench(ctx context.Context, o *options, stderr io.Writer) (_ *bench, err error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	b := &bench{
		o: o, sizes: sizesOf(o.rows, o.quick), progress: newProgress(stderr), filled: map[*replica]bool{},
		key: auth.JWK{Kty: "oct", Alg: "HS256", Kid: "bench", K: base64.RawURLEncoding.EncodeToString(secret)},
	}
	if o.wide > 0 {
		b.sizes.wide = o.wide
	}
	if o.profile != "" {
		if err := os.MkdirAll(o.profile, 0o755); err != nil {
			return nil, err
		}
	}
	if b.dir, err = os.MkdirTemp("", "weir-bench-"); err != nil {
		return nil, err
	}
	b.progress.scenario("prepare")
	b.progress.step("start Postgres")
	if b.pg, err = startPostgres(ctx, o.postgres); err != nil {
		return nil, errors.Join(err, os.RemoveAll(b.dir))
	}
	return b, nil
}

func (b *bench) close() error {
	b.progress.clear()
	return errors.Join(b.stopWeir(), b.pg.close(), os.RemoveAll(b.dir))
}

// startWeir starts the child on a replica's store. It is stopped at the end of the scenario at the latest.
func (b *bench) startWeir(ctx context.Context, r *replica) (err error) {
	file, err := b.configure(r)
	if err != nil {
		return fmt.Errorf("configure weir: %w", err)
	}
	b.weir, err = startWeir(ctx, file, b.o.profile)
	return err
}

// stopWeir stops the child gracefully, if one is running.
func (b *bench) stopWeir() error {
	if b.weir == nil {
		return nil
	}
	w := b.weir
	b.weir = nil
	return w.stop()
}

// profiled runs fn, and leaves profiles of what weir did meanwhile if they are asked for. part tells the profiles of a scenario apart;
// it may be empty.
func (b *bench) profiled(part string, fn func() error) error {
	if b.o.profile == "" {
		return fn()
	}
	name := b.current
	if part != "" {
		name += "-" + part
	}
	if err := b.weir.command("profile " + name); err != nil {
		return fmt.Errorf("begin profile: %w", err)
	}
	err := fn()
	return errors.Join(err, b.weir.command("end"))
}
