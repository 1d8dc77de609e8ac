package report

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
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
// drifted: none when all is well. It reads whole tables, and is for a job at night.
func (s *Store) Prove(ctx context.Context, orgID int64) ([]Drift, error) {
	var ledger ledgerRow
	var counted countRowsRow
	err := s.db.Read(ctx, func(tx pgx.Tx) error {
		q := New(tx)
		err := q.allowMinutes(ctx)
		if err == nil {
			ledger, err = q.ledger(ctx, orgID)
		}
		if err == nil {
			counted, err = q.countRows(ctx, orgID)
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

// compare gives the totals that differ. A code that was none is counted as refused and leaves no row, so the tally may hold
// more refused scans than there are rows, and never fewer.
func compare(l ledgerRow, c countRowsRow) []Drift {
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
