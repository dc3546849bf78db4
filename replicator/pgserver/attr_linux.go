package pgserver

import "syscall"

// dieWithParent has the kernel send the immediate shutdown signal when the
// thread that started the server ends.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
