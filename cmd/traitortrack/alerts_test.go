package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What stands in deploy, seen from here.
const (
	prometheusDir = "../../deploy/prometheus"
	rulesFile     = prometheusDir + "/rules.yml"
	boardFile     = "../../deploy/grafana/traitortrack.json"
	runbookFile   = "../../docs/runbook.md"
)

// TestAlertsLeadToTheRunbook holds each alert's chapter against the headings.
func TestAlertsLeadToTheRunbook(t *testing.T) {
	t.Parallel()
	runbook, rules := read(t, runbookFile), read(t, rulesFile)
	chapters := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(runbook, -1) {
		chapters[strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")] = true
	}
	urls := regexp.MustCompile(`runbook_url: docs/runbook\.md#(\S+)`).FindAllStringSubmatch(rules, -1)
	if alerts := strings.Count(rules, "- alert: "); len(urls) != alerts {
		t.Errorf("%d of %d alerts name a chapter", len(urls), alerts)
	}
	for _, url := range urls {
		if !chapters[url[1]] {
			t.Errorf("the runbook has no chapter %s", url[1])
		}
	}
}

// elsewhere are numbers that a program without a replica does not have.
var elsewhere = map[string]bool{"traitortrack_db_replica_lag_seconds": true}

// TestRulesAndBoardUseWhatIsThere holds each number that a rule or the board asks for against a running program.
func TestRulesAndBoardUseWhatIsThere(t *testing.T) {
	t.Parallel()
	p := startProgram(t, nil)
	p.logIn() // the first statement and the first request make their numbers
	p.numbers()
	shown := p.numbers()
	used := regexp.MustCompile(`\b(traitortrack|process|go)_\w+`).FindAllString(read(t, rulesFile)+read(t, boardFile), -1)
	if len(used) < 50 {
		t.Fatalf("only %d numbers are used: the test looks in the wrong place", len(used))
	}
	for _, name := range used {
		family := name
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			family = strings.TrimSuffix(family, part)
		}
		if !elsewhere[name] && !strings.Contains(shown, "# TYPE "+family+" ") {
			t.Errorf("the program does not show %s", name)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
