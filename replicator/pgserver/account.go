package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that servers run as. The zero value is the caller.
type account struct {
	name     string
	uid, gid int
}

// pickAccount returns the caller, or for root (as which PostgreSQL refuses to
// run) one of the usual users without rights.
func pickAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return account{}, fmt.Errorf("read uid of user %s: %w", name, err)
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return account{}, fmt.Errorf("read gid of user %s: %w", name, err)
		}
		return account{name: name, uid: uid, gid: gid}, nil
	}
	return account{}, errors.New("postgres does not run as root, and this machine has neither user postgres nor nobody")
}

// own gives path to the account, after making sure that the account can get
// to it.
func (a account) own(path string) error {
	if a.name == "" {
		return nil
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("folder %s: user %s, as which the server runs, may not enter %s", path, a.name, dir)
		}
		if dir == filepath.Dir(dir) {
			return os.Chown(path, a.uid, a.gid)
		}
	}
}

// attr returns process attributes that start a program as the account. It has a
// process group of its own: a Ctrl-C at the terminal is for the caller, who may
// want the server until it stops it.
func (a account) attr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.name != "" {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}
