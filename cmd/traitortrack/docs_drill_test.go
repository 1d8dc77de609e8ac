//go:build drill

package main

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"traitortrack/internal/pgtest"
)

// commandIn is a block of commands in a document, and what they are said to print: "…" stands for anything.
type commandIn struct {
	line           int
	commands, says string
	tells          bool // whether the document says what they print
}

// commandsOf gives the blocks marked sh, each with the block marked text behind it.
func commandsOf(t *testing.T, path string) []commandIn {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []commandIn
	kind, body, begun := "", []string{}, 0
	for n, line := range strings.Split(string(raw), "\n") {
		switch {
		case kind == "" && strings.HasPrefix(line, "```") && line != "```":
			kind, body, begun = strings.TrimPrefix(line, "```"), nil, n+1
		case kind != "" && line == "```":
			switch text := strings.Join(body, "\n"); kind {
			case "sh":
				found = append(found, commandIn{line: begun, commands: text})
			case "text":
				if len(found) == 0 || found[len(found)-1].tells {
					t.Fatalf("%s:%d: an answer without its command", path, begun)
				}
				found[len(found)-1].says, found[len(found)-1].tells = text, true
			}
			kind = ""
		case kind != "":
			body = append(body, line)
		}
	}
	return found
}

// pattern is what the document says, as an expression for the whole of what is printed.
func (c commandIn) pattern() *regexp.Regexp {
	parts := strings.Split(strings.TrimSpace(c.says), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
}

// documented are the documents whose commands operators copy.
var documented = []string{"runbook.md", "session-configuration.md", "scaling-10k.md"}

// TestDrillDocs runs each command of the operators' documents against a live demo, in their order, and holds what it prints
// against what the document says.
func TestDrillDocs(t *testing.T) {
	binary := buildBinary(t)
	dir := pgtest.Folder(t)
	work, metrics := t.TempDir(), somewhere(t)
	logFile := filepath.Join(work, "app.log")
	environment := []string{"DEMO_PASSWORD=seven-green-bags", "SECRET_KEY=a-key-of-the-documents-own-drill", "LOG_FILE=" + logFile, "LOG_FORMAT=json", "METRICS_ADDR=" + metrics}
	d := startDemo(t, binary, filepath.Join(dir, "data"), environment...)
	servers, err := os.ReadFile(filepath.Join(dir, "data", "env"))
	if err != nil {
		t.Fatal(err)
	}
	environment = append(environment, strings.Fields(string(servers))...)
	environment = append(environment, "URL="+d.url, "BASE_URL="+d.url, "METRICS_URL=http://"+metrics, "ADMIN="+filepath.Join(work, "admin"), "ADMIN_PASSWORD=seven-green-bags",
		"NEW_PASSWORD=nine yellow bags", "WORK="+work, "AUDIT_ARCHIVE_DIR="+work, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8")
	for _, name := range documented {
		t.Run(name, func(t *testing.T) {
			for _, c := range commandsOf(t, filepath.Join("../../docs", name)) {
				c.run(t, work, environment)
			}
		})
	}
}

// run runs the block in a shell that stops at the first failure.
func (c commandIn) run(t *testing.T, dir string, environment []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", c.commands)
	shell.Dir, shell.Env = dir, environment
	out, err := shell.CombinedOutput()
	printed := strings.TrimSpace(string(out))
	switch {
	case err != nil:
		t.Errorf("line %d fails (%v):\n%s\n%s", c.line, err, c.commands, printed)
	case c.tells && !c.pattern().MatchString(printed):
		t.Errorf("line %d prints other than it says:\n%s\n%s", c.line, c.commands, printed)
	case !c.tells && printed != "":
		t.Errorf("line %d prints something, and the document says nothing of it:\n%s\n%s", c.line, c.commands, printed)
	}
}

// TestDrillDocumentsPointSomewhere holds that every link of the documents leads to a file, and to a heading in it.
func TestDrillDocumentsPointSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, "../../README.md") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(raw), -1) {
			to, err := url.Parse(found[1])
			if err != nil || to.Scheme != "" {
				continue
			}
			target := path
			if to.Path != "" {
				target = filepath.Join(filepath.Dir(path), to.Path)
			}
			text, err := os.ReadFile(target)
			if info, statErr := os.Stat(target); err != nil && (statErr != nil || !info.IsDir()) {
				t.Errorf("%s points at %s, which is not there", path, found[1])
			} else if to.Fragment != "" && !hasHeading(string(text), to.Fragment) {
				t.Errorf("%s points at %s, and there is no such heading", path, found[1])
			}
		}
	}
}

// TestDrillHealthPointsAtChapters holds that what the page of the system's health names is a chapter of the runbook.
func TestDrillHealthPointsAtChapters(t *testing.T) {
	rules, err := os.ReadFile("../../internal/health/rules.go")
	if err != nil {
		t.Fatal(err)
	}
	runbook, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	chapters := regexp.MustCompile(`Chapter\w+ += "([^"]+)"`).FindAllSubmatch(rules, -1)
	if len(chapters) < 5 {
		t.Fatalf("only %d chapters were found: the test looks in the wrong place", len(chapters))
	}
	for _, chapter := range chapters {
		if !hasHeading(string(runbook), string(chapter[1])) {
			t.Errorf("the runbook has no chapter %s", chapter[1])
		}
	}
}

// hasHeading reports whether a document has a heading whose anchor is the fragment.
func hasHeading(text, fragment string) bool {
	drop := regexp.MustCompile(`[^\p{L}\p{N} -]`)
	for line := range strings.Lines(text) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(strings.TrimSpace(line), "#"), " ")
		if ok && strings.HasPrefix(line, "#") && strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(heading), ""), " ", "-") == fragment {
			return true
		}
	}
	return false
}
