package seed_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/seed"
)

var end = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

func options(bags int) seed.Options {
	return seed.Options{Plan: seed.Plan{Bags: bags, Seed: 7}, Users: 20, Password: "seven green bags", End: end, Progress: func(int, int) {}}
}

func run(t *testing.T, db *pg.DB, o seed.Options) {
	t.Helper()
	if err := seed.Run(t.Context(), db, o); err != nil {
		t.Fatal(err)
	}
}

// number asks a question whose answer is a number.
func number(t *testing.T, db *pg.DB, sql string) int64 {
	t.Helper()
	var n int64
	if err := db.Pool().QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// print is a fingerprint of what was made, without what depends on the database, such as users' ids.
func print(t *testing.T, db *pg.DB) string {
	t.Helper()
	var text string
	err := db.Pool().QueryRow(t.Context(), `
		SELECT concat_ws(' ',
			(SELECT md5(string_agg(concat(o.name, b.code, b.status, b.weight_grams, b.created_at, b.last_scan_at), ',' ORDER BY o.name, b.code)) FROM bag b JOIN organization o ON o.id = b.org_id),
			(SELECT md5(string_agg(concat(s.at, s.id, s.event, s.outcome, s.code, s.parent_code, s.other), ',' ORDER BY s.at, s.id)) FROM scan s),
			(SELECT md5(string_agg(concat(o.name, b.number, b.status, b.linked, b.capacity, b.created_at), ',' ORDER BY o.name, b.number)) FROM bill b JOIN organization o ON o.id = b.org_id))`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestWhatIsMadeObeysTheRules recomputes from the rows what the constraints alone do not hold.
func TestWhatIsMadeObeysTheRules(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	run(t, db, options(6_000))
	for question, want := range map[string]int64{
		"SELECT count(*) FROM bag":          6_000,
		"SELECT count(*) FROM organization": 3,
		`SELECT count(*) FROM "user"`:       9 + 20,
		// Ten scans of each bag.
		"SELECT count(*) FROM scan WHERE event = 'scan'":                                                                  60_000,
		"SELECT count(DISTINCT date_trunc('month', at)) FROM scan":                                                        13,
		"SELECT count(*) FROM (SELECT org_id, code FROM scan WHERE event = 'scan' GROUP BY 1, 2 HAVING count(*) <> 10) x": 0,
		// Counts and weights are those of the links.
		`SELECT count(*) FROM bag p WHERE kind = 'parent' AND (
			children <> (SELECT count(*) FROM link l WHERE l.org_id = p.org_id AND l.parent_id = p.id) OR
			weight_grams <> (SELECT coalesce(sum(weight_grams), 0) FROM link l WHERE l.org_id = p.org_id AND l.parent_id = p.id))`: 0,
		"SELECT count(*) FROM bag c WHERE kind = 'child' AND linked <> EXISTS (SELECT FROM link l WHERE l.org_id = c.org_id AND l.child_id = c.id)": 0,
		"SELECT count(*) FROM bill b WHERE linked <> (SELECT count(*) FROM bill_bag x WHERE x.org_id = b.org_id AND x.bill_id = b.id)":              0,
		"SELECT count(*) FROM bill_bag x JOIN bag p ON p.org_id = x.org_id AND p.kind = 'parent' AND p.id = x.bag_id WHERE p.children = 0":          0,
		"SELECT count(*) FROM bill": 133,
		// The totals are the plain counts.
		"SELECT sum(parents) + sum(children) - (SELECT count(*) FROM bag) FROM tally":                                                       0,
		"SELECT sum(links) - (SELECT count(*) FROM link) FROM tally":                                                                        0,
		"SELECT sum(bills_new) - (SELECT count(*) FROM bill WHERE status = 'new') FROM tally":                                               0,
		"SELECT sum(bills_processing) - (SELECT count(*) FROM bill WHERE status = 'processing') FROM tally":                                 0,
		"SELECT sum(bills_completed) - (SELECT count(*) FROM bill WHERE status = 'completed') FROM tally":                                   0,
		"SELECT sum(accepted) + sum(duplicate) + sum(refused) - (SELECT count(*) FROM scan WHERE event = 'scan') FROM tally":                0,
		"SELECT sum(accepted) - (SELECT count(*) FROM scan WHERE event = 'scan' AND outcome IN ('opened', 'resumed', 'linked')) FROM tally": 0,
		// Each change has its line in the log, and each young scan its receipt.
		"SELECT count(*) - (SELECT count(*) FROM bill) FROM audit_log WHERE action = 'create_bill'":                                                0,
		"SELECT count(*) - (SELECT count(*) FROM bill_bag) FROM audit_log WHERE action = 'bill_add'":                                               0,
		"SELECT count(*) - (SELECT count(*) FROM scan WHERE event = 'unlink') FROM audit_log WHERE action = 'unlink'":                              0,
		"SELECT count(*) FROM scan_receipt r WHERE NOT EXISTS (SELECT FROM scan s WHERE s.org_id = r.org_id AND s.at = r.at AND s.id = r.scan_id)": 0,
		"SELECT (count(*) = 0)::int FROM scan_receipt":                                                                                             0,
		"SELECT (count(*) = 0)::int FROM bag WHERE status = 'unlinked'":                                                                            0,
	} {
		if got := number(t, db, question); got != want {
			t.Errorf("%s\n%d, want %d", question, got, want)
		}
	}
}

func TestTheSameSeedMakesTheSame(t *testing.T) {
	t.Parallel()
	one, other := pgtest.New(t), pgtest.New(t)
	pgtest.Org(t, other) // so that the organizations' ids differ
	run(t, one, options(2_000))
	run(t, other, options(2_000))
	if a, b := print(t, one), print(t, other); a != b {
		t.Errorf("two databases, two warehouses:\n%s\n%s", a, b)
	}
}

func TestARunThatWasCutShortGoesOn(t *testing.T) {
	t.Parallel()
	whole, cut := pgtest.New(t), pgtest.New(t)
	run(t, whole, options(8_000))
	ctx, cancel := context.WithCancel(t.Context())
	o := options(8_000)
	o.Progress = func(int, int) { cancel() }
	if err := seed.Run(ctx, cut, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("the run was not cut short: %v", err)
	}
	if n := number(t, cut, "SELECT count(*) FROM bag"); n == 0 || n == 8_000 {
		t.Fatalf("it was cut short at %d bags, which proves nothing", n)
	}
	o = options(8_000)
	o.End = end.Add(time.Hour) // the history still ends where the first run had it end
	run(t, cut, o)
	if a, b := print(t, whole), print(t, cut); a != b {
		t.Errorf("cut short and gone on with, it is another warehouse:\n%s\n%s", a, b)
	}
	run(t, cut, o)
	if n := number(t, cut, "SELECT count(*) FROM bag"); n != 8_000 {
		t.Errorf("a third run made it %d bags", n)
	}
}

func TestAnotherPlanIsRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	run(t, db, options(100))
	for _, o := range []seed.Options{options(200), options(5)} {
		if e := errs.As(seed.Run(t.Context(), db, o)); e == nil || e.Code != "invalid_seed" {
			t.Errorf("%d bags: %v", o.Bags, e)
		}
	}
}
