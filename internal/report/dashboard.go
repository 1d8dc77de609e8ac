package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"traitortrack/internal/pg"
)

// How much a dashboard shows.
const (
	chartHours   = 24
	shownPeople  = 12
	shownBills   = 5
	shownLatest  = 10
	day          = 24 * time.Hour
	openBillDays = 7 // an open bill older than that is an old one
)

// Dashboard is the whole of an organization at a glance. It holds nothing that changes by itself from one second to the
// next, so that two that differ tell of something that happened.
type Dashboard struct {
	Location   *time.Location // of the organization, whose midnight began today
	Stats      Stats          // without the active users and the time
	Today      Change
	Hours      []Hour // the last 24, each as the clock counts it; the present one is the last
	People     []Person
	MorePeople int // those who scanned today beyond the ones in People
	Ages       []Age
	Oldest     []OpenBill
	Latest     []Scan
}

// Change is what today has added to the totals so far. Numbers may be negative.
type Change struct{ Bags, Links, OpenBills, Scans int64 }

// Tally counts scans by what came of them.
type Tally struct{ Accepted, Duplicate, Refused int64 }

// Sum gives all scans of a tally.
func (t Tally) Sum() int64 { return t.Accepted + t.Duplicate + t.Refused }

// Hour is the scans of an hour.
type Hour struct {
	At time.Time // its beginning, in the organization's zone
	Tally
}

// Person is what somebody has scanned today.
type Person struct {
	Username string
	Tally
}

// Age is how many open bills are of an age.
type Age struct {
	Label string
	Bills int64
}

// OpenBill is a bill that waits to be completed.
type OpenBill struct {
	Number           string
	Status           string // new or processing
	Linked, Capacity int
	CreatedAt        time.Time
	id               int64
}

// Scan is one of the latest scans.
type Scan struct {
	At       time.Time
	Outcome  string // an outcome, or the code of a refusal
	Code     string
	Parent   string // code of the parent, where it is another bag
	Username string
}

// Dashboard gives an organization's dashboard, as of one moment.
func (s *Store) Dashboard(ctx context.Context, orgID int64) (Dashboard, error) {
	organization, err := s.orgs.Get(ctx, orgID)
	if err != nil {
		return Dashboard{}, err
	}
	now := s.now().In(organization.Location)
	var d Dashboard
	err = s.db.View(ctx, func(tx pg.Tx) error {
		d = Dashboard{Location: organization.Location}
		q := New(tx)
		for _, read := range []func(context.Context, *Queries, int64, time.Time) error{d.readTotals, d.readHours, d.readPeople, d.readBills, d.readLatest} {
			if err := read(ctx, q, orgID, now); err != nil {
				return fmt.Errorf("dashboard of organization %d: %w", orgID, err)
			}
		}
		return nil
	})
	return d, err
}

func (d *Dashboard) readTotals(ctx context.Context, q *Queries, orgID int64, now time.Time) error {
	t, err := q.totals(ctx, totalsParams{OrgID: orgID, LastDay: dayAgo(now), Today: midnight(now)})
	d.Stats = t.stats()
	d.Today = Change{Bags: t.BagsToday, Links: t.LinksToday, OpenBills: t.BillsOpenToday, Scans: t.ScansToday}
	return err
}

func (d *Dashboard) readHours(ctx context.Context, q *Queries, orgID int64, now time.Time) error {
	for back := range chartHours {
		d.Hours = append(d.Hours, Hour{At: hourOf(now.Add(-time.Duration(chartHours-1-back) * time.Hour))})
	}
	rows, err := q.quarters(ctx, quartersParams{OrgID: orgID, Since: d.Hours[0].At})
	for _, row := range rows {
		at := hourOf(row.Quarter.In(now.Location()))
		if i := slices.IndexFunc(d.Hours, func(h Hour) bool { return h.At.Equal(at) }); i >= 0 {
			h := &d.Hours[i]
			h.Accepted, h.Duplicate, h.Refused = h.Accepted+row.Accepted, h.Duplicate+row.Duplicate, h.Refused+row.Refused
		}
	}
	return err
}

func (d *Dashboard) readPeople(ctx context.Context, q *Queries, orgID int64, now time.Time) error {
	rows, err := q.people(ctx, peopleParams{OrgID: orgID, Today: midnight(now), TimeZone: now.Location().String(), Most: shownPeople})
	for _, r := range rows {
		d.People = append(d.People, Person{Username: r.Username, Tally: Tally{r.Accepted, r.Duplicate, r.Refused}})
		d.MorePeople = int(r.People) - len(d.People)
	}
	return err
}

func (d *Dashboard) readBills(ctx context.Context, q *Queries, orgID int64, now time.Time) error {
	today := midnight(now)
	bounds := []time.Time{midnight(today.Add(-openBillDays * day)), midnight(today.Add(-day / 2)), today}
	rows, err := q.openBills(ctx, openBillsParams{OrgID: orgID, Bounds: bounds})
	if err != nil {
		return err
	}
	d.Ages = []Age{{Label: "today"}, {Label: "yesterday"}, {Label: "this week"}, {Label: "older"}}
	for _, row := range rows {
		d.Ages[len(bounds)-int(row.Bucket)].Bills = row.Bills
	}
	for _, status := range []string{"new", "processing"} {
		rows, err := q.oldestBills(ctx, oldestBillsParams{OrgID: orgID, Status: status, Most: shownBills})
		if err != nil {
			return err
		}
		for _, r := range rows {
			d.Oldest = append(d.Oldest, OpenBill{Number: r.Number, Status: r.Status, Linked: int(r.Linked), Capacity: int(r.Capacity), CreatedAt: r.CreatedAt, id: r.ID})
		}
	}
	slices.SortFunc(d.Oldest, func(a, b OpenBill) int { return cmp.Compare(a.id, b.id) })
	d.Oldest = d.Oldest[:min(len(d.Oldest), shownBills)]
	return nil
}

func (d *Dashboard) readLatest(ctx context.Context, q *Queries, orgID int64, _ time.Time) error {
	rows, err := q.latest(ctx, latestParams{OrgID: orgID, Most: shownLatest})
	for _, r := range rows {
		d.Latest = append(d.Latest, Scan{At: r.At, Outcome: r.Outcome, Code: r.Code, Parent: r.ParentCode, Username: r.Username})
	}
	return err
}

// midnight is the beginning of a moment's day, in the moment's zone. Where clocks skip it, the day begins an hour later.
func midnight(t time.Time) time.Time {
	begin := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
	if begin.Day() != t.Day() {
		return begin.Add(time.Hour)
	}
	return begin
}

// hourOf is the beginning of a moment's hour, as the clock in the moment's zone shows it. It counts back from the moment,
// since the hour that comes twice when clocks are set back has two beginnings.
func hourOf(t time.Time) time.Time {
	return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
}
