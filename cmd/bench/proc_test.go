package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestParseProc(t *testing.T) {
	rss, err := parseRSSAnon([]byte("Name:\tweir\nRssAnon:\t    1024 kB\nRssFile:\t 5 kB\n"))
	if err != nil || rss != mib {
		t.Errorf("RssAnon = %d, %v; want %d", rss, err, mib)
	}
	if _, err := parseRSSAnon([]byte("Name:\tweir\n")); err == nil {
		t.Error("RssAnon of a status without it: no error")
	}
	used, err := parseCPUTime("12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0")
	if err != nil || used != 2*time.Second {
		t.Errorf("CPU time = %v, %v; want 2s", used, err)
	}
	if _, err := parseCPUTime("12 (a) S 1"); err == nil {
		t.Error("CPU time of a cut off stat: no error")
	}
}

func TestProcOfThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc on " + runtime.GOOS)
	}
	rss, err := rssAnon(os.Getpid())
	if err != nil || rss < mib {
		t.Errorf("RssAnon = %d, %v; want some", rss, err)
	}
	if _, err := cpuTime(os.Getpid()); err != nil {
		t.Error(err)
	}
}
