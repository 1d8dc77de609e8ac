package bag_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/errs"
	"traitortrack/internal/org"
	"traitortrack/internal/pgtest"
)

// held holds a parent's lock, so that the group of the next scan into it cannot end: whoever scans meanwhile is in the group
// after that. It gives the function that lets go.
func (w warehouse) held(t *testing.T, parent string) func() {
	t.Helper()
	w.scan(t, 0, bag.Request{Code: parent})
	tx, err := w.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM bag WHERE code = $1 FOR UPDATE", parent); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// waitFor waits until a count in the database is as it should be.
func (w warehouse) waitFor(t *testing.T, want int, sql string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if w.number(t, sql) == want {
			return
		}
	}
	t.Fatalf("%s: not %d", sql, want)
}

const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

// group has fifty callers in one group on the first instance, each a user of their own scanning one child into a parent of
// their own. The caller named is given a context that ends while the group waits.
func (w warehouse) group(t *testing.T, hangsUp int) ([50]bag.Result, [50]error) {
	t.Helper()
	var results [50]bag.Result
	var errors [50]error
	var callers [50]authz.Actor
	for i := range callers {
		callers[i] = pgtest.User(t, w.db, w.who.OrgID, authz.Dispatcher, "")
	}
	release := w.held(t, "SB99999") // and not before: who waits for a lock gives up after ten seconds
	var all sync.WaitGroup
	all.Go(func() { w.scan(t, 0, bag.Request{Code: "FIRST", Parent: "SB99999"}) })
	w.waitFor(t, 1, waiting)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range results {
		all.Go(func() {
			its := t.Context()
			if i == hangsUp {
				its = ctx
			}
			q := bag.Request{Code: fmt.Sprintf("G%05d", i), Parent: fmt.Sprintf("SB%05d", i)}
			some, err := w.instances[0].Scan(its, callers[i], []bag.Request{q})
			if errors[i] = err; err == nil {
				results[i] = some[0]
			}
		})
	}
	bag.WaitQueued(w.instances[0], w.who.OrgID, len(results))
	cancel()
	release()
	all.Wait()
	return results, errors
}

func TestAGroupIsOneTransaction(t *testing.T) {
	t.Parallel()
	w := open(t)
	results, _ := w.group(t, -1)
	for i, r := range results {
		if code(r) != "linked" || r.Code != fmt.Sprintf("G%05d", i) || r.Parent.Code != fmt.Sprintf("SB%05d", i) || r.Parent.Children != 1 {
			t.Errorf("caller %d has the answer of another: %+v", i, r)
		}
	}
	if n := w.number(t, "SELECT count(DISTINCT xid) FROM scan WHERE code LIKE 'G%'"); n != 1 {
		t.Errorf("fifty callers in %d transactions", n)
	}
	if n := w.number(t, "SELECT count(DISTINCT user_id) FROM scan WHERE code LIKE 'G%'"); n != 50 {
		t.Errorf("the scans of fifty users are under %d names", n)
	}
	if n := w.number(t, "SELECT count(*) FROM (SELECT user_id FROM tally_person GROUP BY user_id HAVING sum(accepted) = 1) one"); n != 50 {
		t.Errorf("the tally knows %d of fifty users", n)
	}
	if n := w.number(t, "SELECT count(*) FROM link l JOIN bag c ON c.id = l.child_id JOIN scan s ON s.code = c.code AND s.at = l.linked_at AND s.user_id = l.linked_by AND c.created_by = l.linked_by WHERE s.code LIKE 'G%'"); n != 50 {
		t.Errorf("%d of fifty links are by who scanned them", n)
	}
}

func TestACallerWhoHangsUpHarmsNobody(t *testing.T) {
	t.Parallel()
	for _, who := range []int{0, 25} { // the first to come leads the group; any may be that one
		w := open(t)
		results, errors := w.group(t, who)
		for i := range results {
			if i != who && (errors[i] != nil || code(results[i]) != "linked") {
				t.Errorf("caller %d: %+v, %v", i, results[i], errors[i])
			}
		}
		if n := w.number(t, "SELECT count(*) FROM link l JOIN bag c ON c.id = l.child_id WHERE c.code LIKE 'G%'"); n != 50 {
			t.Errorf("%d of fifty scans ended", n)
		}
	}
}

func TestAFailingScanFailsAlone(t *testing.T) {
	t.Parallel()
	w := open(t)
	_, err := w.db.Pool().Exec(t.Context(), `
		CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'struck'; END $$;
		CREATE TRIGGER strike BEFORE INSERT ON bag FOR EACH ROW WHEN (NEW.code = 'G00025') EXECUTE FUNCTION strike();`)
	if err != nil {
		t.Fatal(err)
	}
	results, errors := w.group(t, -1)
	for i, r := range results {
		switch {
		case errors[i] != nil:
			t.Errorf("caller %d: %v", i, errors[i])
		case i == 25 && (r.Refused == nil || r.Refused.Kind != errs.Internal):
			t.Errorf("the failing scan: %+v", r)
		case i != 25 && code(r) != "linked":
			t.Errorf("caller %d: %+v", i, r)
		}
	}
	if n := w.number(t, "SELECT count(*) FROM scan_receipt"); n != 51 {
		t.Errorf("%d receipts, want 51: a failure leaves none", n)
	}
}

func TestABatchStaysWholeAndInOrder(t *testing.T) {
	t.Parallel()
	w := open(t)
	release := w.held(t, "SB99999")
	var all sync.WaitGroup
	all.Go(func() { w.scan(t, 0, bag.Request{Code: "FIRST", Parent: "SB99999"}) })
	w.waitFor(t, 1, waiting)
	for b := range 3 { // 3 × 300: no two fit into one group
		all.Go(func() {
			var batch []bag.Request
			for i := range 300 {
				batch = append(batch, bag.Request{Code: fmt.Sprintf("B%dC%04d", b, i), Parent: fmt.Sprintf("SB%05d", b*100+i/30)})
			}
			results, err := w.instances[0].Scan(t.Context(), w.who, batch)
			if err != nil {
				t.Errorf("batch %d: %v", b, err)
			}
			for i, r := range results {
				if code(r) != "linked" || r.Code != batch[i].Code || r.Parent.Children != i%30+1 {
					t.Errorf("batch %d, scan %d: %+v", b, i, r)
				}
			}
		})
	}
	bag.WaitQueued(w.instances[0], w.who.OrgID, 3)
	release()
	all.Wait()
	if n := w.number(t, "SELECT count(DISTINCT xid) FROM scan WHERE code LIKE 'B%'"); n != 3 {
		t.Errorf("three batches of 300 in %d transactions", n)
	}
}

func TestALeaderWhoPanicsLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	if n := bag.PanicInGroup(3); n != 3 {
		t.Errorf("%d of 3 callers came back", n)
	}
}

// The two paths, and the way behind a pooler that keeps no statements, must give the same answers.
func TestGroupedAndUngroupedAnswerAlike(t *testing.T) {
	t.Parallel()
	var shifts []bag.Request
	id := uuid.New()
	for i := range 70 {
		shifts = append(shifts, bag.Request{Code: fmt.Sprintf("C%04d", i%50), Parent: fmt.Sprintf("SB%05d", i%2)})
	}
	shifts = append(shifts, bag.Request{Code: "SB00001"}, bag.Request{Code: "SB00009"}, bag.Request{Code: "C0001"}, bag.Request{Code: "<x>"},
		bag.Request{Code: "SB00001", Parent: "SB00002"}, bag.Request{Code: "C0099", Parent: "C0001"},
		bag.Request{ScanID: id, Code: "NEW1", Parent: "M444-00001"}, bag.Request{ScanID: id, Code: "NEW1", Parent: "M444-00001"},
		bag.Request{ScanID: id, Code: "NEW1", Parent: "SB00001"}, bag.Request{ScanID: id, Code: "NEW2", Parent: "M444-00001"})
	type answer struct{ Code, Outcome, Message, Parent string }
	noon := func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }
	shift := func(mode string, options ...bag.Option) []answer {
		db := pgtest.Open(t, pgtest.URL(t)+mode)
		store := bag.NewStore(db, org.NewStore(db, time.Second, time.Now), noon, options...)
		who := pgtest.User(t, db, pgtest.Org(t, db), authz.Dispatcher, "north")
		var answers []answer
		for _, q := range shifts {
			results, err := store.Scan(t.Context(), who, []bag.Request{q})
			if err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			if r := results[0].Refused; r != nil && r.Unwrap() != nil {
				t.Fatalf("%+v: %v", q, r.Unwrap())
			}
			a := answer{Code: results[0].Code, Outcome: code(results[0]), Message: results[0].Message}
			if results[0].Parent != nil {
				a.Parent = fmt.Sprint(*results[0].Parent)
			}
			answers = append(answers, a)
		}
		return answers
	}
	want := shift("")
	if diff := cmp.Diff(want, shift("", bag.Grouped(false))); diff != "" {
		t.Errorf("grouped, and ungrouped: %s", diff)
	}
	if diff := cmp.Diff(want, shift("&default_query_exec_mode=exec")); diff != "" {
		t.Errorf("with prepared statements, and without: %s", diff)
	}
}
