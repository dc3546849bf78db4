package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mdLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mdHeading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	mdFence   = regexp.MustCompile("(?ms)^```.*?^```")
)

// anchor is what a heading is linked to by.
func anchor(heading string) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}

// Links between the pages lead to files and headings that are there, and the README leads to every page.
func TestDocumentsAreLinked(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	fromReadme := make(map[string]bool)
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mdLink.FindAllStringSubmatch(mdFence.ReplaceAllString(string(text), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, heading, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if page == "../README.md" {
				fromReadme[target] = true
			}
			checkTarget(t, page, target, heading)
		}
	}
	for _, page := range pages {
		if !fromReadme[page] {
			t.Errorf("README.md has no link to %s", page)
		}
	}
}

func checkTarget(t *testing.T, page, target, heading string) {
	t.Helper()
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s links to %s, which is not there", page, target)
		return
	}
	if heading == "" {
		return
	}
	text, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mdHeading.FindAllStringSubmatch(mdFence.ReplaceAllString(string(text), ""), -1) {
		if anchor(m[1]) == heading {
			return
		}
	}
	t.Errorf("%s links to %s#%s, which is no heading", page, target, heading)
}
