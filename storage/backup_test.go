package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A backup is the store of one moment, however much is written while it is made.
func TestBackupWhileItIsWritten(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, filepath.Join(dir, "weir.db"))
	db.NoSync()
	filler := make([]byte, 64<<10)
	n := 0
	write := func() error { // the numbers of both sections are equal after every update
		n++
		return db.Update(func(tx *Tx) error {
			if err := tx.section(secRows).Put(fmt.Appendf(nil, "%04d", n%300), append([]byte(nil), filler...)); err != nil {
				return err
			}
			return errors.Join(tx.PutMemo("a", fmt.Append(nil, n)), tx.section(secStaging).Put([]byte("b"), fmt.Append(nil, n)))
		})
	}
	for range 300 {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := write(); err != nil {
				stopped <- err
				return
			}
		}
	}()
	path := filepath.Join(dir, "weir.bak")
	stats, err := db.Backup(t.Context(), path)
	close(stop)
	if err := errors.Join(err, <-stopped); err != nil {
		t.Fatal(err)
	}
	if stats.Before == 0 || stats.After == 0 || stats.Paused > time.Second {
		t.Errorf("%+v", stats)
	}
	if _, err := db.Backup(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if _, ok := db.CopyProgress(); ok {
		t.Error("a copy goes on")
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	copied := openTest(t, path)
	if err := copied.View(func(tx *Tx) error {
		a, b := string(tx.Memo("a")), string(tx.section(secStaging).Get([]byte("b")))
		if k, err := strconv.Atoi(a); err != nil || a != b || k < 300 {
			t.Errorf("the backup has %s and %s", a, b)
		}
		if tx.BackedUp() == "" {
			t.Error("the backup does not say what it is")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.View(func(tx *Tx) error {
		if tx.BackedUp() != "" {
			t.Error("the store says that it is a backup")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(copied.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestBackupThatIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, filepath.Join(dir, "weir.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(dir, "weir.bak")
	if err := os.WriteFile(path+partSuffix, []byte("of a process that died"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Backup(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{path, path + partSuffix} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := db.Backup(t.Context(), path); err != nil {
		t.Errorf("the next one: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A backup leaves alone what another one is writing: of the same store, or of another one to the same name.
func TestBackupBesideAnother(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, filepath.Join(dir, "weir.db"))
	path := filepath.Join(dir, "weir.bak")
	part := openTest(t, path+partSuffix)
	if _, err := db.Backup(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another backup") {
		t.Errorf("beside another store's: %v", err)
	}
	db.turn.Lock()
	if _, err := db.Backup(t.Context(), path); !errors.Is(err, ErrCopying) {
		t.Errorf("beside its own: %v", err)
	}
	if _, err := db.CompactFile(t.Context()); !errors.Is(err, ErrCopying) {
		t.Errorf("compaction: %v", err)
	}
	db.turn.Unlock()
	if _, err := os.Lstat(path + partSuffix); err != nil {
		t.Errorf("what the other one writes is gone: %v", err)
	}
	if err := errors.Join(part.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// The writer goes on without a copy that has no room.
func TestCopyWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, filepath.Join(dir, "weir.db"))
	c, err := db.beginCopy(filepath.Join(dir, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.to.Close(); err != nil { // what is written to it fails
		t.Fatal(err)
	}
	large := make([]byte, copyLag+1)
	for range 3 {
		if err := db.Update(func(tx *Tx) error { return tx.section(secOps).Put([]byte("k"), large) }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.detach(c); err == nil {
		t.Error("a copy that lacks changes is taken for whole")
	}
	if err := errors.Join(db.dropCopy(c), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestIsNoSpace(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("write to the store: %w", syscall.ENOSPC): true, errors.New("file resize error: no space left on device"): true,
		&fs.PathError{Err: syscall.EDQUOT}: true, syscall.EIO: false, context.Canceled: false,
	} {
		if IsNoSpace(err) != want {
			t.Errorf("%v: got %v", err, !want)
		}
	}
	if IsNoSpace(nil) {
		t.Error("no error is one")
	}
}
