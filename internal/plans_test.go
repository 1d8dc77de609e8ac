package internal_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// many is how many rows make a table too large to be read from end to end by a request. A month that has hardly begun is
// small, and how many rows it has depends on the hour: a month is large with ten times as many.
const many = 1000

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
		for how, nodes := range map[string][]planNode{"its values": plan(t, plain, sql, args), "any values": generic(t, plain, sql, len(args))} {
			for _, node := range nodes {
				if node.Type == "Seq Scan" && large[node.Relation] {
					t.Errorf("planned for %s, it reads all of %s:\n%s", how, node.Relation, sql)
				}
			}
		}
	}
	unused := unusedIndexes(t, plain)
	for deadline := time.Now().Add(time.Minute); len(unused) > 0 && time.Now().Before(deadline); unused = unusedIndexes(t, plain) {
		time.Sleep(100 * time.Millisecond) // the statistics come in late
	}
	for _, index := range unused {
		t.Errorf("no query of the product used the index %s", index)
	}
}

// readsAll are the queries that are meant to read a table from end to end, and why.
var readsAll = map[string]string{
	"countBags":      "the proof of the totals, at night, counts everything, and the test has less than a step",
	"countLinks":     "so it does",
	"countBills":     "so it does",
	"stepOfScans":    "so it does",
	"countScans":     "so it does",
	"totals":         "the totals are the sum over the ledger, and folding keeps it short",
	"ledger":         "the totals are the sum over the ledger, and folding keeps it short",
	"quarters":       "the chart is the ledger's last day, and the test has no other",
	"people":         "so is the list of today's dispatchers",
	"scansOf":        "a seal reads each scan once, and the test's are all of one transaction",
	"fold":           "it folds what is most of the ledger",
	"activeUsers":    "sessions that are over are swept, so that most of them are somebody's who is at work",
	"deleteExpired":  "sessions that are over are most of the old ones",
	"forgetReceipts": "a day's receipts are a large part of a small table",
	"sweepNotices":   "so are the notices that are too old",
	"erasePersonal":  "an erasure searches the values of nobody known",
	"eraseSessions":  "the test's sessions are of two users",
	"sessionsOf":     "the test's sessions are of two users",
	"billsOf":        "an export looks at each bill for who made and who completed it",
}

// awaited are the indexes that this test does not drive.
var awaited = map[string]string{
	"session_expires_idx": "the sweep of sessions, which the clock of session.Run starts",
}

func nameOf(sql string) string {
	_, rest, _ := strings.Cut(sql, "-- name: ")
	name, _, _ := strings.Cut(rest, " ")
	return name
}

type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Plans    []planNode `json:"Plans"`
}

// plan gives the steps of a statement's plan for the values that it came with.
func plan(t *testing.T, db *pg.DB, sql string, args []any) []planNode {
	t.Helper()
	var raw []byte
	if err := db.Pool().QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+sql, args...).Scan(&raw); err != nil {
		t.Fatalf("explain %s: %v", sql, err)
	}
	return steps(t, raw)
}

// generic gives the steps of a statement's plan for values that are not known: what the database goes over to after a few
// runs of a prepared statement.
func generic(t *testing.T, db *pg.DB, sql string, values int) []planNode {
	t.Helper()
	execute := "EXECUTE planned"
	if values > 0 {
		execute += "(NULL" + strings.Repeat(", NULL", values-1) + ")"
	}
	var raw []byte
	err := pgx.BeginFunc(t.Context(), db.Pool(), func(tx pgx.Tx) error {
		for _, before := range []string{"SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE planned AS " + sql} {
			if _, err := tx.Exec(t.Context(), before); err != nil {
				return err
			}
		}
		if err := tx.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+execute).Scan(&raw); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "DEALLOCATE planned")
		return err
	})
	if err != nil {
		t.Fatalf("explain for any values %s: %v", sql, err)
	}
	return steps(t, raw)
}

func steps(t *testing.T, raw []byte) []planNode {
	t.Helper()
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
	rows, err := db.Pool().Query(t.Context(), "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= CASE WHEN relispartition THEN 10 ELSE 1 END * $1::int", many)
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
	lastMonth := time.Now().UTC().AddDate(0, 0, -time.Now().UTC().Day()).Format("2006_01")
	for _, name := range []string{"bag", "link", "bill", "bill_bag", "scan_" + lastMonth, "audit_log_" + lastMonth, "scan_receipt", "tally", "session",
		"personal", "notification", "promotion_request"} {
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
