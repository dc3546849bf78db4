package main

import (
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"sync"
	"syscall"
)

// diagnose writes what each goroutine is doing to out at every SIGUSR1, until stop is called. These are names of functions: no data is in it.
func diagnose(out io.Writer) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	var writing sync.WaitGroup
	writing.Go(func() {
		for range signals {
			_ = pprof.Lookup("goroutine").WriteTo(out, 1) // whoever asked sees that nothing comes
		}
	})
	return func() {
		signal.Stop(signals)
		close(signals)
		writing.Wait()
	}
}
