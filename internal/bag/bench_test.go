package bag_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/devstack"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/migrations"
)

// reference is what pgbench does: one scan as one prepared statement in one transaction, with nothing locked, decided or
// counted. It inserts a new child, its link and its scan into tables with the same keys.
const reference = `\set parent random(1, 1000)
WITH c AS (
    INSERT INTO bag (org_id, kind, code, linked, created_by, last_scan_at)
    VALUES (:org, 'child', 'P' || nextval('reference_code'), true, :user, now()) RETURNING id, code
), l AS (
    INSERT INTO link (org_id, child_id, parent_id, weight_grams, linked_by, linked_at) SELECT :org, c.id, :first::bigint + :parent, 1000, :user, now() FROM c
)
INSERT INTO scan (org_id, at, id, event, outcome, code, parent_code, user_id)
SELECT :org, clock_timestamp(), gen_random_uuid(), 'scan', 'linked', c.code, 'SB00001', :user FROM c;
`

// durable starts a PostgreSQL that syncs every commit to disk, as one that serves does.
func durable(b *testing.B) (*pg.DB, string) {
	b.Helper()
	dir := pgtest.Folder(b)
	stack, err := devstack.Start(context.Background(), devstack.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := stack.Stop(); err != nil {
			b.Error(err)
		}
	})
	if err := migrations.Up(context.Background(), stack.DatabaseURL); err != nil {
		b.Fatal(err)
	}
	db := pgtest.Open(b, stack.DatabaseURL)
	var safe bool
	err = db.Pool().QueryRow(context.Background(), "SELECT current_setting('fsync')::boolean AND current_setting('synchronous_commit')::boolean").Scan(&safe)
	if err != nil || !safe {
		b.Fatalf("the database is not durable: %v", err)
	}
	return db, stack.DatabaseURL
}

// BenchmarkScan compares scans that link a new child, each caller filling parents of its own, with pgbench doing the
// reference's one statement a scan on the same server. Figures of this machine mean little; their ratios do.
func BenchmarkScan(b *testing.B) {
	db, url := durable(b)
	who := pgtest.User(b, db, pgtest.Org(b, db), authz.Dispatcher, "")
	b.Run("pgbench/1", func(b *testing.B) { pgbench(b, db, url, who, 1) })
	b.Run("pgbench/8", func(b *testing.B) { pgbench(b, db, url, who, 8) })
	for _, callers := range []int{1, 8, 64, 256} {
		for name, options := range map[string][]bag.Option{"grouped": nil, "ungrouped": {bag.Grouped(false)}} {
			store := bag.NewStore(db, org.NewStore(db, time.Minute, time.Now), time.Now, options...)
			b.Run(fmt.Sprintf("%s/%d", name, callers), func(b *testing.B) { scanFor(b, db, store, callers) })
		}
	}
}

// dispatchers is how many people the callers are: each is a user of their own.
const dispatchers = 64

// scanFor has callers scan b.N children, and reports the rate and the middle latency.
func scanFor(b *testing.B, db *pg.DB, store *bag.Store, callers int) {
	orgID := pgtest.Org(b, db)
	people := make([]authz.Actor, min(callers, dispatchers))
	for i := range people {
		people[i] = pgtest.User(b, db, orgID, authz.Dispatcher, "")
	}
	var next atomic.Int64
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	together(callers, func(i int) {
		for done := 0; ; done++ {
			n := int(next.Add(1)) - 1
			if n >= b.N {
				return
			}
			begin := time.Now()
			q := bag.Request{Code: fmt.Sprintf("C%09d", n), Parent: fmt.Sprintf("SB%06d", i*1000+done/30)}
			results, err := store.Scan(b.Context(), people[i%len(people)], []bag.Request{q})
			if err != nil || results[0].Outcome != "linked" {
				b.Errorf("scan %d: %+v, %v", n, results, err)
				return
			}
			took[n] = time.Since(begin)
		}
	})
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scans/s")
	b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-µs")
}

var tps = regexp.MustCompile(`(?s)latency average = ([0-9.]+) ms.*tps = ([0-9.]+)`)

// pgbench runs the reference with b.N transactions in all.
func pgbench(b *testing.B, db *pg.DB, url string, who authz.Actor, clients int) {
	program, err := exec.LookPath("pgbench")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench"); err != nil && len(found) > 0 {
		program = found[len(found)-1]
	}
	_, err = db.Pool().Exec(b.Context(), `
		INSERT INTO bag (org_id, kind, code, format_id, capacity, child_grams, created_by)
		SELECT $1, 'parent', 'SB' || lpad(n::text, 5, '0'), (SELECT min(id) FROM bag_format WHERE org_id = $1), 30, 1000, $2
		FROM generate_series(1, 1000) n ON CONFLICT DO NOTHING`, who.OrgID, who.UserID)
	if err != nil {
		b.Fatal(err)
	}
	var first int64
	err = db.Pool().QueryRow(b.Context(), "SELECT min(id) - 1 FROM bag WHERE org_id = $1 AND kind = 'parent'", who.OrgID).Scan(&first)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.Pool().Exec(b.Context(), "CREATE SEQUENCE IF NOT EXISTS reference_code START 100000"); err != nil {
		b.Fatal(err)
	}
	script := filepath.Join(b.TempDir(), "reference.sql")
	if err := os.WriteFile(script, []byte(reference), 0o600); err != nil {
		b.Fatal(err)
	}
	each := max(1, b.N/clients)
	b.ResetTimer()
	out, err := exec.CommandContext(b.Context(), program, "--no-vacuum", "--protocol=prepared", "--client", strconv.Itoa(clients), "--transactions",
		strconv.Itoa(each), "--file", script, "-D", fmt.Sprint("org=", who.OrgID), "-D", fmt.Sprint("user=", who.UserID), "-D", fmt.Sprint("first=", first), url).CombinedOutput()
	b.StopTimer()
	found := tps.FindSubmatch(out)
	if err != nil || found == nil {
		b.Fatalf("pgbench: %v: %s", err, out)
	}
	for i, unit := range []string{"mean-ms", "scans/s"} {
		n, err := strconv.ParseFloat(string(found[i+1]), 64)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n, unit)
	}
}
