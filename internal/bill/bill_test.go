package bill_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/errs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/weight"
)

type office struct {
	db    *pg.DB
	bags  *bag.Store
	bills *bill.Store
	who   authz.Actor
}

func open(t *testing.T) office {
	t.Helper()
	db := pgtest.New(t)
	orgs := org.NewStore(db, time.Second, time.Now)
	return office{db: db, bags: bag.NewStore(db, orgs, time.Now), bills: bill.NewStore(db, orgs, time.Now),
		who: pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")}
}

// fill puts n children into a parent.
func (o office) fill(t *testing.T, parent string, n int) {
	t.Helper()
	var scans []bag.Request
	for i := range n {
		scans = append(scans, bag.Request{Code: fmt.Sprintf("K%s%03d", parent[2:], i), Parent: parent})
	}
	if _, err := o.bags.Scan(t.Context(), o.who, scans); err != nil {
		t.Fatal(err)
	}
}

func (o office) create(t *testing.T, number string, capacity int) bill.Bill {
	t.Helper()
	b, err := o.bills.Create(t.Context(), o.who, bill.Draft{Number: number, Capacity: capacity})
	if err != nil {
		t.Fatalf("create %s: %v", number, err)
	}
	return b
}

func (o office) number(t *testing.T, sql string) int {
	t.Helper()
	var n int
	if err := o.db.Pool().QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func code(err error) string {
	if e := errs.As(err); e != nil {
		return e.Code
	}
	return fmt.Sprint(err)
}

func TestABillsLife(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.fill(t, "SB00001", 30)
	o.fill(t, "SB00002", 10)
	o.create(t, " Inv/1\u200b", 2)
	ctx := t.Context()
	steps := []struct {
		name string
		do   func() (bill.Bill, error)
		want string
	}{
		{"the same number in another case", func() (bill.Bill, error) {
			return o.bills.Create(ctx, o.who, bill.Draft{Number: "INV/1", Capacity: 1})
		}, "bill_exists"},
		{"complete with nothing on it", func() (bill.Bill, error) { return o.bills.Complete(ctx, o.who, "inv/1") }, "bill_incomplete"},
		{"add to a bill that is not there", func() (bill.Bill, error) { return o.add("nobody", "SB00001") }, "bill_not_found"},
		{"add no code", func() (bill.Bill, error) { return o.add("inv/1", "<script>") }, "invalid_code"},
		{"add an unknown parent", func() (bill.Bill, error) { return o.add("inv/1", "SB99999") }, "bag_not_found"},
		{"add a child", func() (bill.Bill, error) { return o.add("inv/1", "K00001000") }, "wrong_kind"},
		{"add", func() (bill.Bill, error) { return o.add("inv/1", " sb00001\r\n") }, "processing 1 30 30.000 30.000"},
		{"add again", func() (bill.Bill, error) { return o.add("inv/1", "SB00001") }, "processing 1 30 30.000 30.000"},
		{"complete too early", func() (bill.Bill, error) { return o.bills.Complete(ctx, o.who, "inv/1") }, "bill_incomplete"},
		{"add the second", func() (bill.Bill, error) { return o.add("inv/1", "SB00002") }, "processing 2 40 40.000 60.000"},
		{"lower the capacity below", func() (bill.Bill, error) { return o.edit("inv/1", 1) }, "invalid_bill"},
		{"complete", func() (bill.Bill, error) { return o.bills.Complete(ctx, o.who, "inv/1") }, "completed 2 40 40.000 60.000"},
		{"complete twice", func() (bill.Bill, error) { return o.bills.Complete(ctx, o.who, "inv/1") }, "completed 2 40 40.000 60.000"},
		{"edit when completed", func() (bill.Bill, error) { return o.edit("inv/1", 3) }, "bill_completed"},
		{"remove when completed", func() (bill.Bill, error) { return o.bills.Remove(ctx, o.who, "inv/1", "SB00001") }, "bill_completed"},
		{"delete when completed", func() (bill.Bill, error) { return o.bills.Delete(ctx, o.who, "inv/1") }, "bill_completed"},
		{"reopen", func() (bill.Bill, error) { return o.bills.Reopen(ctx, o.who, "inv/1") }, "processing 2 40 40.000 60.000"},
		{"remove", func() (bill.Bill, error) { return o.bills.Remove(ctx, o.who, "inv/1", "SB00001") }, "processing 1 10 10.000 30.000"},
		{"remove again", func() (bill.Bill, error) { return o.bills.Remove(ctx, o.who, "inv/1", "SB00001") }, "not_on_bill"},
		{"remove the last", func() (bill.Bill, error) { return o.bills.Remove(ctx, o.who, "inv/1", "SB00002") }, "new 0 0 0.000 0.000"},
		{"delete", func() (bill.Bill, error) { return o.bills.Delete(ctx, o.who, "inv/1") }, "new 0 0 0.000 0.000"},
		{"find what is gone", func() (bill.Bill, error) { return o.bills.Find(ctx, o.who, "inv/1") }, "bill_not_found"},
	}
	for _, s := range steps {
		b, err := s.do()
		got := fmt.Sprintf("%s %d %d %s %s", b.Status, b.Linked, b.Children, b.Weight, b.ExpectedWeight)
		if err != nil {
			got = code(err)
		}
		if got != s.want {
			t.Errorf("%s: %s, want %s", s.name, got, s.want)
		}
	}
	if diff := cmp.Diff([]int{0, 0, 0}, []int{o.number(t, "SELECT sum(bills_new) FROM tally"), o.number(t, "SELECT sum(bills_processing) FROM tally"), o.number(t, "SELECT sum(bills_completed) FROM tally")}); diff != "" {
		t.Errorf("the tally of a deleted bill: %s", diff)
	}
	if n := o.number(t, `SELECT count(*) FROM audit_log WHERE entity_type = 'bill' AND (before_state IS NOT NULL OR action = 'create_bill')`); n != 8 {
		t.Errorf("%d audit rows, want 8: create, two adds, complete, reopen, two removals, delete", n)
	}
}

func (o office) add(number, bagCode string) (bill.Bill, error) {
	added, err := o.bills.Add(context.Background(), o.who, number, bagCode, nil)
	return added.Bill, err
}

func (o office) edit(number string, capacity int) (bill.Bill, error) {
	return o.bills.Edit(context.Background(), o.who, number, bill.Change{Capacity: &capacity})
}

func TestAScanOntoABillIsOneScan(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.fill(t, "SB00001", 1)
	o.fill(t, "SB00002", 1)
	o.create(t, "A", 5)
	o.create(t, "B", 5)
	id := uuid.New()
	for n := range 3 {
		added, err := o.bills.Add(t.Context(), o.who, "a", "SB00001", &id)
		if err != nil || added.Outcome != "linked" || added.Bill.Linked != 1 {
			t.Errorf("time %d: %+v, %v", n, added, err)
		}
	}
	for name, try := range map[string][2]string{"another code": {"A", "SB00002"}, "another bill": {"B", "SB00001"}} {
		if _, err := o.bills.Add(t.Context(), o.who, try[0], try[1], &id); code(err) != "scan_id_reused" {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused := uuid.New()
	for n := range 2 {
		_, err := o.bills.Add(t.Context(), o.who, "B", "SB00001", &refused)
		if e := errs.As(err); code(err) != "on_other_bill" || e.Extra["other_bill"] != "A" {
			t.Errorf("refused, time %d: %v", n, err)
		}
	}
	renamed := "A renamed"
	if _, err := o.bills.Edit(t.Context(), o.who, "A", bill.Change{Number: &renamed}); err != nil {
		t.Fatal(err)
	}
	if added, err := o.bills.Add(t.Context(), o.who, renamed, "SB00001", &id); err != nil || added.Outcome != "linked" {
		t.Errorf("after the bill was renamed: %+v, %v", added, err)
	}
	results, err := o.bags.Scan(t.Context(), o.who, []bag.Request{{ScanID: id, Code: "SB00001"}})
	if err != nil || results[0].Refused == nil || results[0].Refused.Code != "scan_id_reused" {
		t.Errorf("the id of a bill's scan, for a bag: %+v, %v", results, err)
	}
	if n := o.number(t, "SELECT count(*) FROM audit_log WHERE action = 'bill_add'"); n != 1 {
		t.Errorf("%d audit rows of one scan", n)
	}
}

func TestOneParentRacesOntoTwoBills(t *testing.T) {
	t.Parallel()
	o := open(t)
	for round := range 10 {
		parent := fmt.Sprintf("SB%05d", round)
		o.fill(t, parent, 1)
		numbers := [2]string{fmt.Sprintf("L%d", round), fmt.Sprintf("R%d", round)}
		for _, n := range numbers {
			o.create(t, n, 5)
		}
		var codes [2]string
		var wg sync.WaitGroup
		for i, n := range numbers {
			wg.Go(func() {
				_, err := o.bills.Add(t.Context(), o.who, n, parent, nil)
				if codes[i] = "linked"; err != nil {
					codes[i] = code(err)
				}
			})
		}
		wg.Wait()
		if codes != [2]string{"linked", "on_other_bill"} && codes != [2]string{"on_other_bill", "linked"} {
			t.Errorf("round %d: %v", round, codes)
		}
	}
	if n := o.number(t, "SELECT count(*) FROM bill_bag"); n != 10 {
		t.Errorf("%d places of 10 parents", n)
	}
}

func TestABillNeverHoldsMoreThanItsCapacity(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.create(t, "Full", 5)
	for i := range 20 {
		o.fill(t, fmt.Sprintf("SB%05d", i), 1)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := o.bills.Add(t.Context(), o.who, "full", fmt.Sprintf("SB%05d", i), nil)
			if err != nil && code(err) != "bill_full" {
				t.Errorf("parent %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := o.number(t, "SELECT linked * 100 + (SELECT count(*) FROM bill_bag) FROM bill"); n != 505 {
		t.Errorf("linked and counted: %d, want 505", n)
	}
}

// A child that is answered as linked before its parent's bill is completed leaves with it, and none joins after.
func TestCompletionAndScansDoNotCross(t *testing.T) {
	t.Parallel()
	o := open(t)
	for round := range 10 {
		parent, number := fmt.Sprintf("SB%05d", round), fmt.Sprintf("C%d", round)
		o.fill(t, parent, 1)
		o.create(t, number, 1)
		if _, err := o.add(number, parent); err != nil {
			t.Fatal(err)
		}
		var completed bill.Bill
		var wg sync.WaitGroup
		var mu sync.Mutex
		linked := 1
		wg.Go(func() {
			var err error
			if completed, err = o.bills.Complete(t.Context(), o.who, number); err != nil {
				t.Errorf("complete: %v", err)
			}
		})
		for i := range 5 {
			wg.Go(func() {
				results, err := o.bags.Scan(t.Context(), o.who, []bag.Request{{Code: fmt.Sprintf("X%02d%03d", round, i), Parent: parent}})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					t.Errorf("scan: %v", err)
				case results[0].Refused == nil:
					linked++
				case results[0].Refused.Code != "parent_billed":
					t.Errorf("scan: %v", results[0].Refused)
				}
			})
		}
		wg.Wait()
		if completed.Children != linked || completed.Weight != weight.Grams(1000*linked) {
			t.Errorf("round %d: the bill was completed with %d children (%s kg), and %d are in its parent", round, completed.Children, completed.Weight, linked)
		}
	}
}

func TestAnotherOrganizationsBillIsNotThere(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.create(t, "Ours", 1)
	stranger := pgtest.User(t, o.db, pgtest.Org(t, o.db), authz.Admin, "")
	if _, err := o.bills.Find(t.Context(), stranger, "Ours"); !errors.Is(err, errs.New(errs.NotFound, "bill_not_found", "")) {
		t.Errorf("a stranger finds the bill: %v", err)
	}
	list, err := o.bills.List(t.Context(), stranger, bill.Filter{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("a stranger's list: %v, %v", list, err)
	}
}
