package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/code"
	"traitortrack/internal/pg"
)

// Drift is a total that is not what counting gives.
type Drift struct {
	Name            string // parents, children, links, bills_new, …
	Ledger, Counted int64
}

// String gives a drift for a log line.
func (d Drift) String() string {
	return fmt.Sprintf("%s: %d in the tally, %d counted", d.Name, d.Ledger, d.Counted)
}

// Prove counts an organization's rows and compares them with its totals, as of one moment. It gives the totals that have
// drifted: none when all is well. It reads whole tables, in steps that keep nobody waiting, and is for a job at night.
func (s *Store) Prove(ctx context.Context, orgID int64) ([]Drift, error) {
	var ledger, counted ledgerRow
	err := s.db.Read(ctx, func(tx pg.Tx) error {
		q := New(tx)
		var err error
		if ledger, err = q.ledger(ctx, orgID); err == nil {
			counted, err = s.countAll(ctx, q, orgID)
		}
		if err != nil {
			return fmt.Errorf("prove the totals of organization %d: %w", orgID, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return compare(ledger, counted), nil
}

// step is how many rows a statement counts: some milliseconds' worth, also where they have to come from the disk.
const step = 2_000

// countAll counts what the ledger adds up.
func (s *Store) countAll(ctx context.Context, q *Queries, orgID int64) (ledgerRow, error) {
	var c ledgerRow
	bags := func(kind code.Kind, n *int64) func(int64) (int64, error) {
		return func(after int64) (int64, error) {
			r, err := q.countBags(ctx, countBagsParams{OrgID: orgID, Kind: string(kind), After: after, Most: s.step})
			*n += r.Bags
			return r.Last, err
		}
	}
	links := func(after int64) (int64, error) {
		r, err := q.countLinks(ctx, countLinksParams{OrgID: orgID, After: after, Most: s.step})
		c.Links += r.Links
		return r.Last, err
	}
	bills := func(after int64) (int64, error) {
		r, err := q.countBills(ctx, countBillsParams{OrgID: orgID, After: after, Most: s.step})
		c.BillsNew, c.BillsProcessing, c.BillsCompleted = c.BillsNew+r.BillsNew, c.BillsProcessing+r.BillsProcessing, c.BillsCompleted+r.BillsCompleted
		return r.Last, err
	}
	err := errors.Join(walk(bags(code.Parent, &c.Parents)), walk(bags(code.Child, &c.Children)), walk(links), walk(bills))
	if err == nil {
		err = s.inTime(ctx, q, orgID, &c)
	}
	return c, err
}

// walk takes one step after the other, each from where the one before ended, until there is nothing behind.
func walk(one func(after int64) (last int64, err error)) error {
	last, err := one(0)
	for err == nil && last != 0 {
		last, err = one(last)
	}
	return err
}

// inTime counts scans in steps of time, since their table is in their order.
func (s *Store) inTime(ctx context.Context, q *Queries, orgID int64, c *ledgerRow) error {
	since := time.Time{}
	for since.Before(endOfTime) {
		end, err := q.stepOfScans(ctx, stepOfScansParams{OrgID: orgID, Since: since, Most: s.step})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			end = endOfTime
		case err != nil:
			return err
		case end.Equal(since): // more scans of one moment than a step takes
			end = since.Add(time.Microsecond)
		}
		r, err := q.countScans(ctx, countScansParams{OrgID: orgID, Since: since, Before: end})
		if err != nil {
			return err
		}
		c.Accepted, c.Duplicate, c.Refused = c.Accepted+r.Accepted, c.Duplicate+r.Duplicate, c.Refused+r.Refused
		since = end
	}
	return nil
}

// endOfTime is later than any scan.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// compare gives the totals that differ. A code that was none is counted as refused and leaves no row, so the tally may hold
// more refused scans than there are rows, and never fewer.
func compare(l, c ledgerRow) []Drift {
	var drifts []Drift
	for _, d := range []Drift{
		{"parents", l.Parents, c.Parents}, {"children", l.Children, c.Children}, {"links", l.Links, c.Links},
		{"bills_new", l.BillsNew, c.BillsNew}, {"bills_processing", l.BillsProcessing, c.BillsProcessing}, {"bills_completed", l.BillsCompleted, c.BillsCompleted},
		{"accepted", l.Accepted, c.Accepted}, {"duplicate", l.Duplicate, c.Duplicate}, {"refused", min(l.Refused, c.Refused), c.Refused},
	} {
		if d.Ledger != d.Counted {
			drifts = append(drifts, d)
		}
	}
	return drifts
}
