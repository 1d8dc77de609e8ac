package main

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

var errUndo = errors.New("leave it as it was")

// TestCompareFindsEachFault takes a truthful account of a little work, in which nothing may be found, and then damages the account or
// the database in each of the ways that the comparison is there for. The table of scans refuses to lose one, so the account has one more.
func TestCompareFindsEachFault(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	truth, first := work(t, db)
	other := uuid.New()
	for _, c := range []struct {
		damage  string
		sql     string
		account func(a *acknowledged)
		finds   string
	}{
		{damage: "nothing"},
		{"a scan is lost", "", func(a *acknowledged) { a.scans[other] = scan{"linked", "LC00009", "SB00001"} }, "acknowledged scans that the database does not hold"},
		{"a scan is doubled", `INSERT INTO scan (org_id, at, id, event, outcome, code, parent_code, user_id)
			SELECT org_id, at + interval '1 microsecond', id, event, outcome, code, parent_code, user_id FROM scan WHERE code = 'LC00001' AND event = 'scan'`, nil, "acknowledged scans that it holds more than once"},
		{"another outcome", "", func(a *acknowledged) { a.scans[first] = scan{"duplicate", "LC00001", "SB00001"} }, "acknowledged scans that it holds otherwise than they were answered"},
		{"another parent", "", func(a *acknowledged) { a.scans[first] = scan{"linked", "LC00001", "SB00002"} }, "acknowledged scans that it holds otherwise than they were answered"},
		{"a scan from nowhere", "", func(a *acknowledged) { delete(a.scans, first) }, "scans that it holds and nobody was answered"},
		{"a child out of its parent", "DELETE FROM link", nil, "children that are elsewhere than was acknowledged"},
		{"a child that is nowhere", "DELETE FROM link; DELETE FROM bag WHERE code = 'LC00001'", nil, "children that are elsewhere than was acknowledged"},
		{"a child that was taken out is inside", "", func(a *acknowledged) { a.inside["LC00001"] = "" }, "children that are elsewhere than was acknowledged"},
		{"a parent off its bill", "DELETE FROM bill_bag", nil, "parents that are not on the bill that was acknowledged"},
		{"a bill that is open", "UPDATE bill SET completed_at = NULL, completed_by = NULL", nil, "bills that were completed and are not"},
		{"a count that is none", "UPDATE bag SET children = 2 WHERE code = 'SB00001'", nil, "parents over their capacity, or whose count of children is not the count"},
	} {
		err := db.Tx(t.Context(), func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), c.sql); err != nil {
				t.Fatalf("%s: %v", c.damage, err)
			}
			a := truth()
			if c.account != nil {
				c.account(a)
			}
			found, err := a.compare(t.Context(), tx)
			if err != nil {
				t.Fatalf("%s: %v", c.damage, err)
			}
			expect(t, c.damage, c.finds, found)
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
	}
}

// expect holds that something was found, and where nothing is damaged that nothing was.
func expect(t *testing.T, damage, finds string, found []finding) {
	t.Helper()
	seen := finds == ""
	for _, f := range found {
		seen = seen || f.name == finds && f.rows > 0
		if finds == "" && f.rows > 0 {
			t.Errorf("%s: %s: %d", damage, f.name, f.rows)
		}
	}
	if !seen {
		t.Errorf("%s was not found: %v", damage, found)
	}
}

// work opens a parent, puts a child into it and it onto a bill, and gives a true account of that.
func work(t *testing.T, db *pg.DB) (func() *acknowledged, uuid.UUID) {
	t.Helper()
	who := pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")
	orgs := org.NewStore(db, time.Second, time.Now)
	bags, bills := bag.NewStore(db, orgs, time.Now), bill.NewStore(db, orgs, time.Now)
	opened, linked := uuid.New(), uuid.New()
	if _, err := bags.Scan(t.Context(), who, []bag.Request{{ScanID: opened, Code: "SB00001"}, {ScanID: linked, Code: "LC00001", Parent: "SB00001"}}); err != nil {
		t.Fatal(err)
	}
	_, err := bills.Create(t.Context(), who, bill.Draft{Number: "LB/1", Capacity: 1})
	if err == nil {
		_, err = bills.Add(t.Context(), who, "LB/1", "SB00001", nil)
	}
	if err == nil {
		_, err = bills.Complete(t.Context(), who, "LB/1")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() *acknowledged {
		return &acknowledged{
			scans: map[uuid.UUID]scan{opened: {"opened", "SB00001", ""}, linked: {"linked", "LC00001", "SB00001"}}, lost: map[uuid.UUID]bool{},
			inside: map[string]string{"LC00001": "SB00001"}, unsure: map[string]bool{}, onBill: map[string]string{"SB00001": "LB/1"}, done: map[string]bool{"LB/1": true},
		}
	}, linked
}
