//go:build drill

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDrillAlertsFireAndClear has promtool play rules_test.yml, in which each alert fires and clears.
func TestDrillAlertsFireAndClear(t *testing.T) {
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"test", "rules", "rules_test.yml"}} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = prometheusDir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v (Debian's package prometheus has promtool)\n%s", strings.Join(args, " "), err, out)
		}
	}
	rules, tests := read(t, rulesFile), read(t, filepath.Join(prometheusDir, "rules_test.yml"))
	names := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(rules, -1)
	if len(names) < 20 {
		t.Fatalf("only %d alerts were found: the test looks in the wrong place", len(names))
	}
	for _, name := range names {
		if !strings.Contains(tests, "- name: "+name[1]+"\n") {
			t.Errorf("no test sees %s fire and clear", name[1])
		}
	}
}
