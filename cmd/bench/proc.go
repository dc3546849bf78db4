package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// rssAnon returns how many bytes of a process's own memory are in RAM. Pages of the store's file, which bbolt maps, are not among
// them: the kernel takes those back when it needs them.
func rssAnon(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseRSSAnon(text)
}

func parseRSSAnon(status []byte) (int64, error) {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte("RssAnon:"))
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(rest)), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read RssAnon: %w", err)
		}
		return n * kib, nil
	}
	return 0, errors.New("read RssAnon: not in the process's status")
}

// clockTick is the unit of times in /proc, the same on all Linux systems that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuTime returns how much CPU a process has used.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPUTime(string(text))
}

// parseCPUTime reads the fields utime and stime. The name of the program, in parentheses before them, can hold anything.
func parseCPUTime(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("read CPU time: fields are missing")
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// samplePeriod is short beside the time that a chunk of a snapshot is in memory.
const samplePeriod = 10 * time.Millisecond

// peakRSS samples the process until the function that it returns is called, which returns the peak; 0 where there is no /proc.
func peakRSS(ctx context.Context, pid int) (stop func() int64) {
	ctx, cancel := context.WithCancel(ctx)
	result := make(chan int64)
	go func() {
		var peak int64
		for pause(ctx, samplePeriod) == nil {
			if n, err := rssAnon(pid); err == nil {
				peak = max(peak, n)
			}
		}
		result <- peak
	}()
	return func() int64 {
		cancel()
		return <-result
	}
}
