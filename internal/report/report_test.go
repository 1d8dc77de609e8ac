package report_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	"traitortrack/internal/report"
	"traitortrack/internal/tally"
)

// clock is a clock that the test sets.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time      { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) set(t time.Time)     { c.nanos.Store(t.UnixNano()) }
func (c *clock) add(d time.Duration) { c.nanos.Add(int64(d)) }

type warehouse struct {
	db      *pg.DB
	clock   *clock
	bags    *bag.Store
	bills   *bill.Store
	reports *report.Store
	admin   authz.Actor
	people  []authz.Actor
}

// open makes a warehouse in Kolkata, whose midnight is half past six in the evening UTC, with the clock at half past five.
func open(t *testing.T) *warehouse {
	t.Helper()
	w := &warehouse{db: pgtest.New(t), clock: &clock{}}
	now := time.Now().UTC()
	w.clock.set(time.Date(now.Year(), now.Month(), 10, 17, 30, 0, 0, time.UTC))
	orgs := org.NewStore(w.db, time.Second, w.clock.now)
	w.bags, w.bills = bag.NewStore(w.db, orgs, w.clock.now), bill.NewStore(w.db, orgs, w.clock.now)
	w.reports = report.NewStore(w.db, orgs, 2*time.Second, w.clock.now)
	w.admin = pgtest.User(t, w.db, pgtest.Org(t, w.db), authz.Admin, "")
	for range 3 {
		w.people = append(w.people, pgtest.User(t, w.db, w.admin.OrgID, authz.Dispatcher, ""))
	}
	return w
}

// shift is a random piece of work by several people at once, with refusals of every kind.
func (w *warehouse) shift(t *testing.T, seed uint64) {
	t.Helper()
	var wg sync.WaitGroup
	for n, who := range w.people {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			for range 25 {
				w.step(t, random, who)
			}
		})
	}
	wg.Wait()
}

func (w *warehouse) step(t *testing.T, random *rand.Rand, who authz.Actor) {
	parent, child := fmt.Sprintf("SB%05d", random.IntN(8)), fmt.Sprintf("C%04d", random.IntN(60))
	number := fmt.Sprintf("B-%d", random.IntN(5))
	var err error
	switch random.IntN(10) {
	case 0:
		_, err = w.bags.Unlink(t.Context(), w.admin, child)
	case 1:
		err = w.bags.Delete(t.Context(), w.admin, child)
	case 2:
		_, err = w.bills.Create(t.Context(), w.admin, bill.Draft{Number: number, Capacity: 1})
	case 3:
		id := uuid.New()
		_, err = w.bills.Add(t.Context(), w.admin, number, parent, &id)
	case 4:
		_, err = w.bills.Complete(t.Context(), w.admin, number)
	case 5:
		_, err = w.bills.Delete(t.Context(), w.admin, number)
	default:
		var batch []bag.Request
		for i := range 4 {
			batch = append(batch, bag.Request{ScanID: uuid.New(), Code: fmt.Sprintf("C%04d", random.IntN(60)), Parent: parent})
			if i == 0 {
				batch[0] = bag.Request{ScanID: uuid.New(), Code: []string{parent, "no code!", child}[random.IntN(3)]}
			}
		}
		_, err = w.bags.Scan(t.Context(), who, batch)
	}
	if err != nil && errs.As(err) == nil {
		t.Errorf("a step failed: %v", err)
	}
}

func (w *warehouse) count(t *testing.T, sql string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := w.db.Pool().QueryRow(t.Context(), sql, append([]any{w.admin.OrgID}, args...)...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (w *warehouse) stats(t *testing.T) report.Stats {
	t.Helper()
	w.clock.add(3 * time.Second) // past the copy's time
	got, err := w.reports.Stats(t.Context(), w.admin.OrgID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (w *warehouse) dashboard(t *testing.T) report.Dashboard {
	t.Helper()
	d, err := w.reports.Dashboard(t.Context(), w.admin.OrgID)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// counted gives the statistics by plain counts. noCodes are the scans of codes that were none, which leave no row.
func (w *warehouse) counted(t *testing.T, noCodes int64) report.Stats {
	t.Helper()
	n := func(sql string) int64 { return w.count(t, "SELECT count(*) FROM "+sql) }
	s := report.Stats{
		Bags:  report.Bags{Parents: n("bag WHERE org_id = $1 AND kind = 'parent'"), Children: n("bag WHERE org_id = $1 AND kind = 'child'")},
		Links: n("link WHERE org_id = $1"),
		Bills: report.Bills{Total: n("bill WHERE org_id = $1"), New: n("bill WHERE org_id = $1 AND status = 'new'"),
			Processing: n("bill WHERE org_id = $1 AND status = 'processing'"), Completed: n("bill WHERE org_id = $1 AND status = 'completed'")},
	}
	s.Bags.Total = s.Bags.Parents + s.Bags.Children
	s.Scans.Total = n("scan WHERE org_id = $1 AND event = 'scan'") + noCodes
	s.Scans.LastDay = s.Scans.Total
	return s
}

func TestNumbersAreThoseOfPlainCounts(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.shift(t, 1)
	if drifts, err := w.reports.Prove(t.Context(), w.admin.OrgID); err != nil || len(drifts) > 0 {
		t.Fatalf("after a random shift: %v %v", drifts, err)
	}
	refused := w.count(t, "SELECT sum(refused) FROM tally WHERE org_id = $1")
	noCodes := refused - w.count(t, "SELECT count(*) FROM scan WHERE org_id = $1 AND event = 'scan' AND outcome NOT IN ('opened', 'resumed', 'linked', 'duplicate')")
	if noCodes == 0 {
		t.Fatal("the shift scanned no code that is none")
	}
	got := w.stats(t)
	got.GeneratedAt = time.Time{}
	if diff := cmp.Diff(w.counted(t, noCodes), got); diff != "" {
		t.Errorf("statistics (-counted +given):\n%s", diff)
	}

	d := w.dashboard(t)
	var hours, people report.Tally
	for _, h := range d.Hours {
		hours = report.Tally{Accepted: hours.Accepted + h.Accepted, Duplicate: hours.Duplicate + h.Duplicate, Refused: hours.Refused + h.Refused}
	}
	for _, p := range d.People {
		people = report.Tally{Accepted: people.Accepted + p.Accepted, Duplicate: people.Duplicate + p.Duplicate, Refused: people.Refused + p.Refused}
		mine := w.count(t, `SELECT count(*) FROM scan s JOIN "user" u ON u.id = s.user_id WHERE s.org_id = $1 AND event = 'scan' AND username = $2
			AND outcome IN ('opened', 'resumed', 'linked')`, p.Username)
		if mine != p.Accepted {
			t.Errorf("%s: %d accepted, counted %d", p.Username, p.Accepted, mine)
		}
	}
	if hours.Sum() != got.Scans.Total || people != hours || len(d.Hours) != 24 || d.Hours[23].Tally != hours {
		t.Errorf("hours %+v, people %+v, of %d scans", hours, people, got.Scans.Total)
	}
	var aged int64
	for _, a := range d.Ages {
		aged += a.Bills
	}
	if open := got.Bills.New + got.Bills.Processing; aged != open || int64(len(d.Oldest)) != min(open, 5) || d.Today.OpenBills != open {
		t.Errorf("open bills: %d by age, %d shown, %d today, of %d", aged, len(d.Oldest), d.Today.OpenBills, open)
	}
	newest := w.count(t, "SELECT count(*) FROM (SELECT 1 FROM scan WHERE org_id = $1 AND event = 'scan' LIMIT 10) s")
	if int64(len(d.Latest)) != newest || !slices.IsSortedFunc(d.Latest, func(a, b report.Scan) int { return b.At.Compare(a.At) }) {
		t.Errorf("latest scans: %+v", d.Latest)
	}
}

func TestTodayBeginsAtTheOrganizationsMidnight(t *testing.T) {
	t.Parallel()
	w := open(t)
	scan := func(code string) {
		t.Helper()
		if _, err := w.bags.Scan(t.Context(), w.people[0], []bag.Request{{Code: code}}); err != nil {
			t.Fatal(err)
		}
	}
	scan("SB00001")               // 23:00 in Kolkata
	w.clock.add(59 * time.Minute) // 23:59
	scan("SB00002")
	if d := w.dashboard(t); d.Today.Scans != 2 || d.Hours[23].Accepted != 2 {
		t.Errorf("before midnight: today %+v, last hour %+v", d.Today, d.Hours[23])
	}
	w.clock.add(time.Minute) // 00:00
	if d := w.dashboard(t); d.Today != (report.Change{}) || len(d.People) != 0 || d.Hours[23].Sum() != 0 || d.Hours[22].Accepted != 2 || d.Stats.Scans.Total != 2 {
		t.Errorf("at midnight: %+v", d)
	}
	scan("SB00003")
	if d := w.dashboard(t); d.Today.Scans != 1 || d.Today.Bags != 1 || d.Hours[23].At.Hour() != 0 || len(d.People) != 1 || d.People[0].Accepted != 1 {
		t.Errorf("after midnight: %+v", d)
	}
	w.clock.add(23*time.Hour + 15*time.Minute)
	if got := w.stats(t); got.Scans.LastDay != 2 {
		t.Errorf("a day later %d scans are of the last day, and 2 are", got.Scans.LastDay)
	}
}

func TestFoldingChangesNoNumber(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.shift(t, 2)
	w.clock.add(26 * time.Hour)
	w.shift(t, 3)
	before := w.stats(t)
	for range 2 {
		if err := tally.Fold(t.Context(), w.db, w.admin.OrgID, w.clock.now()); err != nil {
			t.Fatal(err)
		}
	}
	after := w.stats(t)
	after.GeneratedAt = before.GeneratedAt
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("folding changed (-before +after):\n%s", diff)
	}
	if n := w.count(t, "SELECT count(*) FROM tally WHERE org_id = $1 AND quarter < $2", w.clock.now().Add(-25*time.Hour)); n != 1 {
		t.Errorf("%d rows are older than a day, want one", n)
	}
}

// TestPastDaysOfPeopleAreForgotten folds when the day is still today, an hour of it is left, and when it is over in every time zone.
func TestPastDaysOfPeopleAreForgotten(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.shift(t, 4)
	for _, tc := range []struct {
		later      time.Duration
		day, shown bool
	}{{0, true, true}, {59 * time.Minute, true, true}, {time.Minute, true, false}, {48 * time.Hour, false, false}} {
		w.clock.add(tc.later)
		if err := tally.Fold(t.Context(), w.db, w.admin.OrgID, w.clock.now()); err != nil {
			t.Fatal(err)
		}
		days, people := w.count(t, "SELECT count(DISTINCT day) FROM tally_person WHERE org_id = $1"), w.dashboard(t).People
		if (days == 1) != tc.day || (len(people) == 3) != tc.shown {
			t.Errorf("%s: %d days are kept, %d people are shown", tc.later, days, len(people))
		}
	}
}

// TestPeopleOfAnOlderServer has somebody scan at a server from before people were counted by day, which adds to the totals by user.
func TestPeopleOfAnOlderServer(t *testing.T) {
	t.Parallel()
	w := open(t)
	first, second := w.people[0], w.people[1]
	for who, code := range map[authz.Actor]string{first: "SB00001", second: "SB00002"} {
		if _, err := w.bags.Scan(t.Context(), who, []bag.Request{{ScanID: uuid.New(), Code: code}}); err != nil {
			t.Fatal(err)
		}
	}
	w.exec(t, "INSERT INTO tally (org_id, quarter, user_id, slot, accepted, refused) VALUES ($1, $2, $3, 7, 2, 1)", w.clock.now().UTC().Truncate(tally.Quarter), second.UserID)
	want := []report.Person{{Username: second.Username, Tally: report.Tally{Accepted: 3, Refused: 1}}, {Username: first.Username, Tally: report.Tally{Accepted: 1}}}
	if d := w.dashboard(t); !slices.Equal(d.People, want) || d.MorePeople != 0 || d.Stats.Scans.Total != 5 {
		t.Errorf("%+v of %d scans, want %+v of 5", d.People, d.Stats.Scans.Total, want)
	}
}

// TestProveFindsDrift counts in steps of any length, from one that leaves each scan to itself to one that takes all. Scans of one moment
// are more than the smallest steps take.
func TestProveFindsDrift(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.shift(t, 4)
	w.exec(t, "INSERT INTO scan (org_id, at, id, event, outcome, code, user_id) SELECT s.org_id, s.at, gen_random_uuid(), 'scan', 'opened', s.code, s.user_id "+
		"FROM (SELECT * FROM scan WHERE org_id = $1 ORDER BY at LIMIT 1) s, generate_series(1, 5)")
	w.exec(t, "UPDATE tally SET accepted = accepted + 5 WHERE ctid = (SELECT ctid FROM tally WHERE org_id = $1 LIMIT 1)")
	prove := func(want string) {
		t.Helper()
		for _, step := range []int32{1, 2, 7, 1000} {
			w.reports.CountBy(step)
			drifts, err := w.reports.Prove(t.Context(), w.admin.OrgID)
			if err != nil || fmt.Sprint(drifts) != want {
				t.Errorf("in steps of %d: %v %v, want %s", step, drifts, err, want)
			}
		}
	}
	prove("[]")
	links := w.count(t, "SELECT count(*) FROM link WHERE org_id = $1")
	w.exec(t, "UPDATE tally SET links = links + 1 WHERE ctid = (SELECT ctid FROM tally WHERE org_id = $1 LIMIT 1)")
	prove(fmt.Sprintf("[links: %d in the tally, %d counted]", links+1, links))
}

// exec runs a statement, whose first argument is the organization.
func (w *warehouse) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.db.Pool().Exec(t.Context(), sql, append([]any{w.admin.OrgID}, args...)...); err != nil {
		t.Fatal(err)
	}
}

func TestStatsAreKeptForTheirTime(t *testing.T) {
	t.Parallel()
	w := open(t)
	first := w.stats(t)
	w.shift(t, 5)
	w.clock.add(1999 * time.Millisecond)
	if kept, err := w.reports.Stats(t.Context(), w.admin.OrgID); err != nil || kept != first {
		t.Errorf("within the time: %+v %v", kept, err)
	}
	w.clock.add(time.Millisecond)
	if fresh, err := w.reports.Stats(t.Context(), w.admin.OrgID); err != nil || fresh.Scans.Total == 0 {
		t.Errorf("after the time: %+v %v", fresh, err)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, code := range []string{"SB00042", "SB00043"} {
		for _, q := range []bag.Request{{Code: code}, {Code: "C0" + code[3:], Parent: code}} {
			if _, err := w.bags.Scan(t.Context(), w.admin, []bag.Request{q}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, number := range []string{"INV/2026-27/0042", "sb00043", "A b"} {
		if _, err := w.bills.Create(t.Context(), w.admin, bill.Draft{Number: number, Capacity: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"SB00042": "go parent SB00042", " sb00042\r\n": "go parent SB00042", "]Q1SB00042": "go parent SB00042", "\u200bＳＢ00042": "go parent SB00042",
		"c00042": "go child C00042", "inv/2026-27/0042": "go bill INV/2026-27/0042", "]Q1INV/2026-27/0042 \n": "go bill INV/2026-27/0042",
		"a \u00a0 B": "go bill A b", "SB00043": "parent SB00043, bill sb00043", "sb000": "parent SB00042, parent SB00043, bill sb00043",
		"inv": "bill INV/2026-27/0042", "C9": "", "": "", " \u200b": "", strings.Repeat("x", 5000): "", "\x00": "", "%": "", "\xff": "",
	} {
		found, err := w.reports.Locate(t.Context(), w.people[0], text)
		if err != nil {
			t.Errorf("Locate(%.40q): %v", text, err)
			continue
		}
		var names []string
		for _, p := range found.Places {
			names = append(names, p.Kind+" "+p.Name)
		}
		got := strings.Join(names, ", ")
		if found.Exact {
			got = "go " + got
		}
		if got != want {
			t.Errorf("Locate(%.40q) = %q, want %q", text, got, want)
		}
	}
	stranger := pgtest.User(t, w.db, pgtest.Org(t, w.db), authz.Admin, "")
	if found, err := w.reports.Locate(t.Context(), stranger, "SB00042"); err != nil || len(found.Places) != 0 {
		t.Errorf("another organization found %+v %v", found, err)
	}
}

func TestActiveUsersAreThoseOfTheLastQuarter(t *testing.T) {
	t.Parallel()
	w := open(t)
	now := w.clock.now()
	for n, used := range []time.Duration{0, -14 * time.Minute, -16 * time.Minute} {
		for again := range 2 { // two devices of one person are one person
			_, err := w.db.Pool().Exec(t.Context(), `INSERT INTO session (token_hash, user_id, session_epoch, data, last_used_at, expires_at) VALUES ($1, $2, 0, '', $3, $4)`,
				[]byte{byte(n), byte(again)}, w.people[n].UserID, now.Add(used), now.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := w.stats(t); got.ActiveUsers != 2 {
		t.Errorf("%d active users, want 2", got.ActiveUsers)
	}
}
