package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/service"
)

// childCommand makes the program the weir that is measured.
const childCommand = "serve-child"

// mainChild is main of the child. It leaves Ctrl-C, which a terminal sends to both, to its parent.
func mainChild(args []string) int {
	signal.Ignore(syscall.SIGINT)
	if err := serveChild(context.Background(), args, os.Stdin, os.Stdout, os.Stderr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return exitFault
	}
	return exitOK
}

// serveChild runs weir until in ends. It writes its address as the first line to out, and "ok" or "error: ..." for each line of in:
//
//	profile NAME   begin a CPU profile
//	end            end it, and write a heap profile too
//	collect        free what is garbage, and give it back to the system
func serveChild(ctx context.Context, args []string, in io.Reader, out, logs io.Writer) error {
	flags := flag.NewFlagSet(childCommand, flag.ContinueOnError)
	file := flags.String("config", "", "")
	profiles := flags.String("profile", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	text, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	cfg, err := config.Load(config.Input{File: *file, Text: text, Getenv: noEnv, NeedSource: true})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: cfg.Log.Level}))
	s, err := service.New(cfg, log)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, s.Addr()); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // not waited for: it ends with in
		defer stop()
		(&profiler{dir: *profiles}).obey(in, out)
	}()
	return s.Run(ctx)
}

func noEnv(string) (string, bool) { return "", false }

// profiler takes the child's profiles.
type profiler struct {
	dir string
	cpu *os.File // nil while none is taken
}

// obey carries out commands until in ends.
func (p *profiler) obey(in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		answer := "ok"
		if err := p.do(lines.Text()); err != nil {
			answer = "error: " + err.Error()
		}
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return
		}
	}
}

func (p *profiler) do(line string) (err error) {
	verb, name, _ := strings.Cut(line, " ")
	switch {
	case verb == "collect":
		debug.FreeOSMemory()
		return nil
	case verb == "profile" && p.cpu == nil:
		if p.cpu, err = os.Create(filepath.Join(p.dir, name+".cpu.pprof")); err != nil {
			return err
		}
		return pprof.StartCPUProfile(p.cpu)
	case verb == "end" && p.cpu != nil:
		pprof.StopCPUProfile()
		heap := strings.TrimSuffix(p.cpu.Name(), ".cpu.pprof") + ".heap.pprof"
		err := p.cpu.Close()
		p.cpu = nil
		return errors.Join(err, writeHeap(heap))
	}
	return fmt.Errorf("command %q is out of place", verb)
}

func writeHeap(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
