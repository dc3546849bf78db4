package deploys

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/weirsync/weir/clients/reply"
	"github.com/weirsync/weir/syncrules"
)

// fileMemo is where the store remembers the meaning of the rules file that was last deployed.
const fileMemo = "rules file"

// File deploys the rules file called path at the start of the process, unless its meaning is what it was when the file was last deployed. An
// error means that the store can't go on; a file that can't be deployed while another version is active is logged.
func (d *Deploys) File(ctx context.Context, path, text string) error {
	v, active := d.deploying()
	program, faults := syncrules.Compile([]byte(text), syncrules.CompileOptions{})
	if program == nil {
		reason := faults.Render(path, []byte(text))
		if !active {
			return errors.New(reason)
		}
		d.log.Error("the rules file does not compile; the active version stays", "file", path, "reason", reason)
		_, _, err := d.store.Deploy(ctx, text, "from "+path) // records it as failed
		return err
	}
	last, err := d.store.Recall(fileMemo)
	if err != nil {
		return err
	}
	if (v != nil || active) && bytes.Equal(last, meaning(program)) {
		d.log.Info("the rules file is as it was when it was last deployed", "file", path)
		return nil
	}
	deployed, err := d.file(ctx, path, text, active)
	if err != nil || !deployed {
		return err
	}
	// Also if the process is being stopped: a rollback that follows must not be undone by the next start.
	return d.store.Remember(context.WithoutCancel(ctx), fileMemo, meaning(program))
}

// file deploys the file, and looks at the sources first if there is something to disturb. deployed: it was not refused.
func (d *Deploys) file(ctx context.Context, path, text string, active bool) (deployed bool, err error) {
	note := "from " + path
	if active {
		var refused *reply.Error
		_, err := d.Deploy(ctx, text, note)
		if !errors.As(err, &refused) {
			return err == nil, err
		}
		if refused.Code != codeSource {
			d.log.Error("the rules file can't be deployed; the active version stays", "file", path, "reason", refused.Details)
			return false, nil
		}
		d.log.Warn("the rules file is deployed without a look at the source", "file", path, "reason", refused.Details)
	}
	if _, _, err := d.store.Deploy(ctx, text, note); err != nil {
		return false, fmt.Errorf("deploy %s: %w", path, err)
	}
	return true, nil
}

// forget has the next start deploy the file again if program is what it holds.
func (d *Deploys) forget(ctx context.Context, program *syncrules.Program) error {
	last, err := d.store.Recall(fileMemo)
	if err != nil || !bytes.Equal(last, meaning(program)) {
		return err
	}
	return d.store.Remember(ctx, fileMemo, nil)
}

// meaning is a digest of what a program means, whatever its text looks like.
func meaning(p *syncrules.Program) []byte {
	var parts [][]byte
	for _, d := range p.Definitions() {
		auto := byte(0)
		if d.AutoSub {
			auto = 1
		}
		parts = append(parts, append(slices.Clone(d.Fingerprint[:]), auto))
	}
	slices.SortFunc(parts, bytes.Compare)
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return sum[:]
}
