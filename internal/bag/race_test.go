package bag_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// warehouse is an organization on two instances of the program: two stores, each with connections of its own.
type warehouse struct {
	url       string
	db        *pg.DB
	instances [2]*bag.Store
	who       authz.Actor
}

func open(t *testing.T) warehouse {
	t.Helper()
	w := warehouse{url: pgtest.URL(t)}
	for i := range w.instances {
		w.db = pgtest.Open(t, w.url)
		w.instances[i] = bag.NewStore(w.db, org.NewStore(w.db, time.Second, time.Now), time.Now)
	}
	w.who = pgtest.User(t, w.db, pgtest.Org(t, w.db), authz.Dispatcher, "")
	return w
}

// scan scans one code on an instance, and fails the test on anything but an answer.
func (w warehouse) scan(t *testing.T, instance int, q bag.Request) bag.Result {
	t.Helper()
	results, err := w.instances[instance%2].Scan(t.Context(), w.who, []bag.Request{q})
	if err != nil {
		t.Errorf("scan %+v: %v", q, err)
		return bag.Result{}
	}
	return results[0]
}

// number counts rows.
func (w warehouse) number(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := w.db.Pool().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// together runs n goroutines and waits for them.
func together(n int, do func(i int)) {
	var wg sync.WaitGroup
	ready := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-ready; do(i) })
	}
	close(ready)
	wg.Wait()
}

func code(r bag.Result) string {
	if r.Refused != nil {
		return r.Refused.Code
	}
	return r.Outcome
}

func TestTwoHundredScansIntoOneParentLeaveThirty(t *testing.T) {
	t.Parallel()
	w := open(t)
	var mu sync.Mutex
	tally := map[string]int{}
	together(200, func(i int) {
		r := w.scan(t, i, bag.Request{Code: fmt.Sprintf("C%06d", i), Parent: "SB00001"})
		mu.Lock()
		defer mu.Unlock()
		tally[code(r)]++
	})
	if tally["linked"] != 30 || tally["parent_full"] != 170 {
		t.Errorf("answers: %v, want 30 linked and 170 parent_full", tally)
	}
	if n := w.number(t, "SELECT count(*) FROM link"); n != 30 {
		t.Errorf("%d links, want 30", n)
	}
	if n := w.number(t, "SELECT count(*) FROM bag WHERE kind = 'child'"); n != 30 {
		t.Errorf("%d children, want 30: a refused scan makes none", n)
	}
	if n := w.number(t, "SELECT count(*) FROM bag WHERE code = 'SB00001' AND status = 'completed' AND weight_grams = 30000"); n != 1 {
		t.Error("the full parent is not completed with 30 kg")
	}
}

func TestTwoParentsRaceForOneChild(t *testing.T) {
	t.Parallel()
	w := open(t)
	for round := range 20 {
		child := fmt.Sprintf("C%06d", round)
		var codes [2]string
		together(2, func(i int) {
			codes[i] = code(w.scan(t, i, bag.Request{Code: child, Parent: fmt.Sprintf("SB%05d", 2*round+i)}))
		})
		if codes != [2]string{"linked", "linked_elsewhere"} && codes != [2]string{"linked_elsewhere", "linked"} {
			t.Errorf("round %d: %v", round, codes)
		}
	}
	if n := w.number(t, "SELECT count(*) FROM link"); n != 20 {
		t.Errorf("%d links of 20 children", n)
	}
}

func TestOneScanIDSentFiftyTimesIsOneScan(t *testing.T) {
	t.Parallel()
	w := open(t)
	q := bag.Request{ScanID: uuid.New(), Code: "C000001", Parent: "SB00001"}
	together(50, func(i int) {
		if r := w.scan(t, i, q); r.Outcome != "linked" || r.Parent.Children != 1 {
			t.Errorf("copy %d: %+v", i, r)
		}
	})
	if n := w.number(t, "SELECT count(*) FROM scan"); n != 1 {
		t.Errorf("%d scans, want 1", n)
	}
	if n := w.number(t, "SELECT sum(accepted) + sum(duplicate) + sum(refused) FROM tally"); n != 1 {
		t.Errorf("the tally counts %d scans, want 1", n)
	}
}

func TestCrossingBatchesBothEnd(t *testing.T) {
	t.Parallel()
	w := open(t)
	for round := range 5 {
		var batches [2][]bag.Request
		for i := range 40 {
			parent := fmt.Sprintf("SB%05d", 100*round+i%8)
			q := bag.Request{Code: fmt.Sprintf("R%dC%05d", round, i), Parent: parent}
			batches[0] = append(batches[0], q)
			batches[1] = append([]bag.Request{q}, batches[1]...)
		}
		together(2, func(i int) {
			results, err := w.instances[i].Scan(t.Context(), w.who, batches[i])
			if err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
			for _, r := range results {
				if c := code(r); c != "linked" && c != "duplicate" {
					t.Errorf("batch %d: %s of %s", i, c, r.Code)
				}
			}
		})
	}
	if n := w.number(t, "SELECT count(*) FROM link"); n != 200 {
		t.Errorf("%d links, want 200", n)
	}
}

func TestUnlinkAndScanRaceForOneChild(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.scan(t, 0, bag.Request{Code: "C000001", Parent: "SB00001"})
	together(40, func(i int) {
		if i%2 == 0 {
			_, err := w.instances[0].Unlink(t.Context(), w.who, "C000001")
			if err != nil && err.Error()[:10] != "not_linked" {
				t.Errorf("unlink: %v", err)
			}
			return
		}
		w.scan(t, i, bag.Request{Code: "C000001", Parent: fmt.Sprintf("SB%05d", i%4)})
	})
	links := w.number(t, "SELECT count(*) FROM link")
	if sum := w.number(t, "SELECT sum(children) FROM bag"); sum != links || links > 1 {
		t.Errorf("%d links, and parents that say %d", links, sum)
	}
	if sum := w.number(t, "SELECT sum(links) FROM tally"); sum != links {
		t.Errorf("%d links, and a tally of %d", links, sum)
	}
}
