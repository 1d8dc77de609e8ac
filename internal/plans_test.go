package internal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/errs"
	"traitortrack/internal/jobs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/report"
	"traitortrack/internal/session"
)

// many is how many rows make a table, or a month of one, too large to be read from end to end by a request.
const many = 1000

// warehouse fills a database with a warehouse large enough for the planner to care: 1,000 parents with 20 children each,
// 1,000 bills, 60,000 scans over two months, receipts for them, sessions and a day of tallies.
const warehouse = `
SELECT ensure_partitions((now() - interval '70 days')::date, now()::date);
INSERT INTO bag (org_id, kind, code, format_id, capacity, child_grams, children, weight_grams, created_by, area)
	SELECT @org, 'parent', 'SB' || lpad(n::text, 5, '0'), (SELECT min(id) FROM bag_format WHERE org_id = @org), 30, 1000, 20, 20000, @user, CASE WHEN n % 2 = 0 THEN 'north' END
	FROM generate_series(1, 1000) n;
INSERT INTO bag (org_id, kind, code, linked, created_by)
	SELECT @org, 'child', 'C' || lpad(n::text, 6, '0'), n <= 20000, @user FROM generate_series(1, 21000) n;
INSERT INTO link (org_id, child_id, parent_id, weight_grams, linked_by, linked_at)
	SELECT @org, c.id, p.id, 1000, @user, now() - interval '1 day'
	FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM bag WHERE org_id = @org AND kind = 'child' AND linked) c
	JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM bag WHERE org_id = @org AND kind = 'parent') p ON p.n = c.n / 20;
INSERT INTO bill (org_id, number, number_key, capacity, linked, created_by, completed_at, completed_by)
	SELECT @org, 'B-' || n, 'b-' || n, CASE WHEN n % 20 = 0 THEN 4 ELSE 1 END, 1, @user, CASE WHEN n % 20 > 0 THEN now() END, CASE WHEN n % 20 > 0 THEN @user END
	FROM generate_series(1, 990) n;
INSERT INTO bill_bag (org_id, bag_id, bill_id, linked_by, linked_at)
	SELECT @org, p.id, b.id, @user, now()
	FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM bill WHERE org_id = @org) b
	JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM bag WHERE org_id = @org AND kind = 'parent') p ON p.n = b.n;
INSERT INTO scan (org_id, at, id, event, outcome, code, parent_code, user_id)
	SELECT @org, now() - n * interval '80 seconds', gen_random_uuid(), 'scan', 'linked', 'C' || lpad((n % 20000 + 1)::text, 6, '0'),
		'SB' || lpad((n % 1000 + 1)::text, 5, '0'), @user + n % 3 FROM generate_series(1, 60000) n;
INSERT INTO scan_receipt (org_id, scan_id, at) SELECT org_id, id, at FROM scan WHERE org_id = @org;
INSERT INTO tally (org_id, quarter, user_id, slot, accepted)
	SELECT @org, to_timestamp(floor(extract(epoch FROM now()) / 900) * 900 - q * 900), @user + u, 0, 10 FROM generate_series(0, 99) q, generate_series(0, 19) u;
INSERT INTO sealed.personal (token, org_id, user_id, value) OVERRIDING SYSTEM VALUE
	SELECT @org * 1000000 + n, @org, @user, '{"ip_address": "192.0.2.7"}' FROM generate_series(1, 20000) n;
INSERT INTO sealed.audit_log (org_id, at, user_id, action, entity_type, entity_id, address_token, request_id)
	SELECT @org, now() - n * interval '4 minutes', @user + n % 3, (ARRAY['bill_add', 'login_failed', 'unlink'])[1 + n % 3], (ARRAY['bill', 'user', 'bag'])[1 + n % 3], 'X-' || n % 700, @org * 1000000 + n, ''
	FROM generate_series(1, 20000) n;
INSERT INTO login_lock (name_hash, touched_at) SELECT decode(md5(@org || 'name' || n), 'hex'), now() FROM generate_series(1, 5000) n;
INSERT INTO session (token_hash, user_id, session_epoch, data, expires_at, last_used_at)
	SELECT decode(md5(@org || '-' || n), 'hex'), @user, 0, '', now() + n * interval '1 second', now() - n * interval '1 minute' FROM generate_series(1, 3000) n;
`

// recorder keeps each statement that a request sends, with its arguments.
type recorder struct {
	mu   sync.Mutex
	seen map[string][]any
}

func (r *recorder) note(sql string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.seen[sql]; !known && explainable(sql) {
		r.seen[sql] = slices.DeleteFunc(slices.Clone(args), isOption)
	}
}

// isOption reports whether an argument tells pgx how to ask, and is none of the statement's.
func isOption(arg any) bool {
	switch arg.(type) {
	case pgx.QueryResultFormats, pgx.QueryResultFormatsByOID, pgx.QueryExecMode:
		return true
	}
	return false
}

// statements gives a copy of what was seen so far.
func (r *recorder) statements() map[string][]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.seen)
}

// TraceQueryStart notes a statement that is sent alone.
func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	r.note(q.SQL, q.Args)
	return ctx
}

// TraceQueryEnd has nothing to note.
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart has nothing to note.
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery notes a statement of a batch, as scans send them.
func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	r.note(q.SQL, q.Args)
}

// TraceBatchEnd has nothing to note.
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func explainable(sql string) bool {
	for line := range strings.Lines(sql) {
		if word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word != "" && !strings.HasPrefix(word, "--") {
			switch strings.ToUpper(word) {
			case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH":
				return true
			}
			return false
		}
	}
	return false
}

// TestPlans does a request's work of every kind over a large warehouse, and asks the database how it went about each
// statement: none may read a large table from end to end, and no index may stand there unused.
func TestPlans(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	plain := pgtest.New(t)
	admin := fill(t, plain)
	large := manyRows(t, plain)
	rec := &recorder{seen: map[string][]any{}}
	db, err := pg.Open(ctx, pg.Options{URL: plain.Pool().Config().ConnString(), MaxConns: 8, Tracer: rec})
	if err != nil {
		t.Fatal(err)
	}
	work(t, db, admin)
	db.Close() // a connection that ends has told the statistics all that it did

	seen := rec.statements()
	if len(seen) < 60 {
		t.Fatalf("only %d statements were seen: the work is not driving the product", len(seen))
	}
	for sql, args := range seen {
		if strings.Contains(sql, "river.") || strings.Contains(sql, "river_") {
			continue
		}
		if readsAll[nameOf(sql)] != "" {
			continue
		}
		for _, node := range plan(t, plain, sql, args) {
			if node.Type == "Seq Scan" && large[node.Relation] {
				t.Errorf("reads all of %s:\n%s", node.Relation, sql)
			}
		}
	}
	unused := unusedIndexes(t, plain)
	for deadline := time.Now().Add(15 * time.Second); len(unused) > 0 && time.Now().Before(deadline); unused = unusedIndexes(t, plain) {
		time.Sleep(100 * time.Millisecond) // the statistics come in late
	}
	for _, index := range unused {
		t.Errorf("no query of the product used the index %s", index)
	}
}

// readsAll are the queries that are meant to read a table from end to end, and why.
var readsAll = map[string]string{
	"countRows":      "the proof of the totals, at night, counts everything",
	"totals":         "the totals are the sum over the ledger, and folding keeps it short",
	"ledger":         "the totals are the sum over the ledger, and folding keeps it short",
	"quarters":       "the chart is the ledger's last day, and the test has no other",
	"people":         "so is the list of today's dispatchers",
	"scansOf":        "a seal reads each scan once, and the test's are all of one transaction",
	"fold":           "it folds what is most of the ledger",
	"deleteExpired":  "sessions that are over are most of the old ones",
	"forgetReceipts": "a day's receipts are a large part of a small table",
}

// awaited are the indexes that this test does not drive: those of verbs that are still to come, and one of a clock.
var awaited = map[string]string{
	"session_expires_idx": "the sweep of sessions, which the clock of session.Run starts",
	"user_org_idx":        "users of an organization", "user_email_idx": "password resets",
	"password_link_user_idx": "password resets", "password_link_expires_idx": "password resets", "api_token_user_idx": "API tokens",
	"notification_unread_idx": "notices", "notification_subject_idx": "notices", "promotion_request_status_idx": "promotion requests",
	"personal_user_idx": "erasure of a person",
}

func nameOf(sql string) string {
	_, rest, _ := strings.Cut(sql, "-- name: ")
	name, _, _ := strings.Cut(rest, " ")
	return name
}

func fill(t *testing.T, db *pg.DB) authz.Actor {
	t.Helper()
	var admin authz.Actor
	for range 2 { // a second organization, so that org_id alone selects half
		orgID := pgtest.Org(t, db)
		admin = pgtest.User(t, db, orgID, authz.Admin, "")
		sql := strings.NewReplacer("@org", fmt.Sprint(orgID), "@user", fmt.Sprint(admin.UserID)).Replace(warehouse)
		if _, err := db.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Pool().Exec(t.Context(), "VACUUM ANALYZE"); err != nil {
		t.Fatal(err)
	}
	return admin
}

type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Plans    []planNode `json:"Plans"`
}

func plan(t *testing.T, db *pg.DB, sql string, args []any) []planNode {
	t.Helper()
	var raw []byte
	if err := db.Pool().QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+sql, args...).Scan(&raw); err != nil {
		t.Fatalf("explain %s: %v", sql, err)
	}
	var tops []struct{ Plan planNode }
	if err := json.Unmarshal(raw, &tops); err != nil {
		t.Fatal(err)
	}
	nodes := []planNode{tops[0].Plan}
	for i := 0; i < len(nodes); i++ {
		nodes = append(nodes, nodes[i].Plans...)
	}
	return nodes
}

// manyRows are the tables that hold many rows, by the name that a plan gives them.
func manyRows(t *testing.T, db *pg.DB) map[string]bool {
	t.Helper()
	rows, err := db.Pool().Query(t.Context(), "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= $1", many)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	large := map[string]bool{}
	for _, name := range names {
		large[name] = true
	}
	for _, name := range []string{"bag", "link", "bill", "bill_bag", "scan_receipt", "tally", "session", "personal"} {
		if !large[name] {
			t.Fatalf("%s is small: the warehouse proves nothing about it", name)
		}
	}
	return large
}

// unusedIndexes are the indexes that enforce no key and that no statement has used, the partitions of one index taken together.
func unusedIndexes(t *testing.T, db *pg.DB) []string {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), "SELECT pg_stat_force_next_flush()"); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Pool().Query(t.Context(), `
		SELECT coalesce(parent.relname, s.indexrelname) AS name
		FROM pg_stat_user_indexes s
		JOIN pg_index i USING (indexrelid)
		LEFT JOIN pg_inherits h ON h.inhrelid = s.indexrelid
		LEFT JOIN pg_class parent ON parent.oid = h.inhparent
		WHERE NOT i.indisunique AND s.relname NOT LIKE 'river%'
		GROUP BY 1 HAVING sum(s.idx_scan) = 0 ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return awaited[name] != "" })
}

// work does what requests do, through the verbs that they call.
func work(t *testing.T, db *pg.DB, admin authz.Actor) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	orgs := org.NewStore(db, time.Second, time.Now)
	bags := bag.NewStore(db, orgs, time.Now)
	bills := bill.NewStore(db, orgs, time.Now)
	reports := report.NewStore(db, orgs, time.Second, time.Now)
	var batch []bag.Request
	for i := range 40 {
		batch = append(batch, bag.Request{ScanID: uuid.New(), Code: fmt.Sprintf("NEW%05d", i), Parent: "SB90001"})
	}
	for range 2 {
		_, err := bags.Scan(ctx, admin, batch)
		must(err)
	}
	_, err := bags.Scan(ctx, admin, []bag.Request{{ScanID: uuid.New(), Code: "C000007", Parent: "SB00900"}})
	must(err)
	_, err = bags.Unlink(ctx, admin, "NEW00001")
	must(err)
	_, err = bags.Close(ctx, admin, "SB00800")
	must(err)
	_, err = bags.Reopen(ctx, admin, "SB00800")
	must(err)
	must(bags.Delete(ctx, admin, "NEW00001"))
	for _, code := range []string{"SB00007", "C000007"} {
		_, err = bags.Find(ctx, admin, code)
		must(err)
		_, err = bags.History(ctx, admin, code, "", 50)
		must(err)
	}
	_, err = bags.Recent(ctx, admin, 10)
	must(err)
	for _, f := range []bag.Filter{{}, {Kind: "parent"}, {Kind: "child"}, {Kind: "parent", Status: "completed"}, {Kind: "child", Status: "unlinked"}, {Q: "SB000"}, {Kind: "child", Q: "C0001"}} {
		f.Limit = 50
		list, err := bags.List(ctx, admin, f)
		must(err)
		f.Cursor = list.Next
		_, err = bags.List(ctx, admin, f)
		must(err)
	}
	workBills(t, bills, admin)
	workPeople(t, db, admin)
	workBackground(t, db, reports)
	_, err = reports.Stats(ctx, admin.OrgID)
	must(err)
	_, err = reports.Dashboard(ctx, admin.OrgID)
	must(err)
	for _, q := range []string{"SB00007", "C000007", "b-7", "B-7"} {
		_, err = reports.Locate(ctx, admin, q)
		must(err)
	}
}

// workPeople logs in and fails to, lists sessions, and reads the log in each of its orders.
func workPeople(t *testing.T, db *pg.DB, admin authz.Actor) {
	t.Helper()
	ctx := t.Context()
	people := account.NewStore(db, time.Now)
	if _, err := people.Login(ctx, authz.Actor{Address: "192.0.2.1"}, admin.Username, "not the password"); errs.As(err) == nil {
		t.Fatalf("a login with a wrong password: %v", err)
	}
	if err := people.SweepLocks(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := session.NewSessions(db, nil, time.Now).List(ctx, admin.UserID); err != nil {
		t.Fatal(err)
	}
	for _, f := range []audit.Filter{{}, {Action: "login_failed"}, {User: admin.Username}, {Entity: "bill"}, {Entity: "bill/B-7"}} {
		f.Limit = 50
		if _, err := audit.NewLog(db).List(ctx, admin, f); err != nil {
			t.Fatal(err)
		}
	}
}

// workBackground lets each job have a turn.
func workBackground(t *testing.T, db *pg.DB, reports *report.Store) {
	t.Helper()
	keys, err := audit.NewKeys("a secret of the test's own")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	runner, err := jobs.NewRunner(jobs.Deps{DB: db, Sealer: audit.NewSealer(db, keys, log, time.Now), Reports: reports, Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	for done := 0; done < 5; time.Sleep(50 * time.Millisecond) {
		err := db.Pool().QueryRow(ctx, "SELECT count(DISTINCT kind) FROM river.river_job WHERE state = 'completed'").Scan(&done)
		if err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	sealFew(t, db, audit.NewSealer(db, keys, log, time.Now))
}

// sealFew seals a few rows behind many that are sealed: the seal of an ordinary minute.
func sealFew(t *testing.T, db *pg.DB, sealer *audit.Sealer) {
	t.Helper()
	for range 2 {
		who := pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")
		err := db.Tx(t.Context(), func(tx pgx.Tx) error {
			return audit.Record(t.Context(), tx, who, audit.Entry{Action: "test", EntityType: "bag", EntityID: "X"})
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sealer.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func workBills(t *testing.T, bills *bill.Store, admin authz.Actor) {
	t.Helper()
	ctx := t.Context()
	id, capacity := uuid.New(), 1
	steps := []func() error{
		func() error {
			_, err := bills.Create(ctx, admin, bill.Draft{Number: "N 1", Capacity: 2})
			return err
		},
		func() error { _, err := bills.Add(ctx, admin, "N 1", "SB00999", &id); return err },
		func() error { _, err := bills.Add(ctx, admin, "N 1", "SB00999", &id); return err },
		func() error { _, err := bills.Edit(ctx, admin, "N 1", bill.Change{Capacity: &capacity}); return err },
		func() error { _, err := bills.Complete(ctx, admin, "N 1"); return err },
		func() error { _, err := bills.Reopen(ctx, admin, "N 1"); return err },
		func() error { _, err := bills.Remove(ctx, admin, "N 1", "SB00999"); return err },
		func() error { _, err := bills.Delete(ctx, admin, "N 1"); return err },
		func() error { _, err := bills.Find(ctx, admin, "B-7"); return err },
		func() error { _, err := bills.Bags(ctx, admin, "B-7"); return err },
	}
	for _, f := range []bill.Filter{{}, {Status: "processing"}, {Q: "B-1"}, {Status: "new", Q: "B-2"}} {
		f.Limit = 50
		steps = append(steps, func() error { _, err := bills.List(ctx, admin, f); return err })
	}
	for n, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
	}
}
