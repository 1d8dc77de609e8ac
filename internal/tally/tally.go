// Package tally keeps the read model: the totals of an organization, maintained as its people work.
package tally

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"traitortrack/internal/authz"
)

// Quarter is the length of the tally's buckets. Every time zone's hours and days begin on one.
const Quarter = 15 * time.Minute

// Delta is what one transaction adds to the totals. Numbers may be negative.
type Delta struct {
	Parents, Children, Links                    int64
	BillsNew, BillsProcessing, BillsCompleted   int64
	AcceptedScans, DuplicateScans, RefusedScans int64
}

// Plus gives the sum of two deltas.
func (d Delta) Plus(more Delta) Delta {
	return Delta{
		Parents: d.Parents + more.Parents, Children: d.Children + more.Children, Links: d.Links + more.Links,
		BillsNew: d.BillsNew + more.BillsNew, BillsProcessing: d.BillsProcessing + more.BillsProcessing,
		BillsCompleted: d.BillsCompleted + more.BillsCompleted, AcceptedScans: d.AcceptedScans + more.AcceptedScans,
		DuplicateScans: d.DuplicateScans + more.DuplicateScans, RefusedScans: d.RefusedScans + more.RefusedScans,
	}
}

// Add adds what one user did to the totals, as AddAll does.
func Add(ctx context.Context, tx DBTX, actor authz.Actor, at time.Time, d Delta) error {
	return AddAll(ctx, tx, actor.OrgID, at, map[int64]Delta{actor.UserID: d})
}

// AddAll adds what users did to the totals of their organization, and to each one's scans of the day, in the caller's transaction and as its
// last locks: nothing that waits for these rows holds anything that the caller may still need. Empty deltas write nothing.
func AddAll(ctx context.Context, tx DBTX, orgID int64, at time.Time, byUser map[int64]Delta) error {
	var all Delta
	scans := addScansParams{OrgID: orgID, At: at}
	for _, userID := range slices.Sorted(maps.Keys(byUser)) {
		all = all.Plus(byUser[userID])
		scans.add(userID, byUser[userID])
	}
	q := New(tx)
	if len(scans.UserIds) > 0 {
		if err := q.addScans(ctx, scans); err != nil {
			return fmt.Errorf("add to the scans of people of organization %d: %w", orgID, err)
		}
	}
	if all == (Delta{}) {
		return nil
	}
	err := q.add(ctx, addParams{OrgID: orgID, Quarter: at.UTC().Truncate(Quarter), Parents: all.Parents, Children: all.Children, Links: all.Links,
		BillsNew: all.BillsNew, BillsProcessing: all.BillsProcessing, BillsCompleted: all.BillsCompleted,
		Accepted: all.AcceptedScans, Duplicate: all.DuplicateScans, Refused: all.RefusedScans})
	if err != nil {
		return fmt.Errorf("add to the tally of organization %d: %w", orgID, err)
	}
	return nil
}

func (rows *addScansParams) add(userID int64, d Delta) {
	if d.AcceptedScans == 0 && d.DuplicateScans == 0 && d.RefusedScans == 0 {
		return
	}
	rows.UserIds, rows.Accepted = append(rows.UserIds, userID), append(rows.Accepted, d.AcceptedScans)
	rows.Duplicate, rows.Refused = append(rows.Duplicate, d.DuplicateScans), append(rows.Refused, d.RefusedScans)
}
