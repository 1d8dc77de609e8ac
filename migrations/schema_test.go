package migrations_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"traitortrack/internal/pgtest"
)

const update = "UPDATE"

// TestSchemaDump holds schema.sql against a database that the migrations made. make schema writes it anew.
func TestSchemaDump(t *testing.T) {
	t.Parallel()
	got := dump(t, pgtest.URL(t))
	if os.Getenv(update) != "" {
		if err := os.WriteFile("schema.sql", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("schema.sql is not what the migrations make: run make schema and commit it (- file, + database)\n%s", diff)
	}
}

// noise are the lines of a dump that differ between runs and versions, and say nothing of the schema.
var noise = regexp.MustCompile(`^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*|)$`)

// dump gives the schema as pg_dump writes it, without the monthly partitions, whose names depend on the day.
func dump(t *testing.T, url string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), pgDump(t), "--schema-only", "--no-owner", "--no-privileges", "--no-comments",
		"--exclude-table=*.*_20[0-9][0-9]_[0-9][0-9]", "--exclude-table=goose_db_version", "--exclude-schema=river", "--dbname="+url).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	var kept []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, " \n")
		if noise.MatchString(line) {
			continue
		}
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, ")") && (strings.HasPrefix(line, "CREATE ") || strings.HasPrefix(line, "ALTER ")) {
			kept = append(kept, "")
		}
		kept = append(kept, line)
	}
	return strings.TrimLeft(strings.Join(kept, "\n"), "\n") + "\n"
}

// pgDump is the newest pg_dump of this machine: an older one refuses a newer server.
func pgDump(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		return found[len(found)-1]
	}
	path, err := exec.LookPath("pg_dump")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
