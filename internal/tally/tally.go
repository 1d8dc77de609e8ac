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

// AddAll adds what users did to the totals of their organization, in the caller's transaction and as its last lock: nothing
// that waits for these rows holds anything that the caller may still need. Empty deltas write nothing.
func AddAll(ctx context.Context, tx DBTX, orgID int64, at time.Time, byUser map[int64]Delta) error {
	rows := addParams{OrgID: orgID, Quarter: at.UTC().Truncate(Quarter)}
	for _, userID := range slices.Sorted(maps.Keys(byUser)) {
		if d := byUser[userID]; d != (Delta{}) {
			rows.add(userID, d)
		}
	}
	if len(rows.UserIds) == 0 {
		return nil
	}
	if err := New(tx).add(ctx, rows); err != nil {
		return fmt.Errorf("add to the tally of organization %d: %w", orgID, err)
	}
	return nil
}

func (rows *addParams) add(userID int64, d Delta) {
	rows.UserIds = append(rows.UserIds, userID)
	rows.Parents, rows.Children, rows.Links = append(rows.Parents, d.Parents), append(rows.Children, d.Children), append(rows.Links, d.Links)
	rows.BillsNew = append(rows.BillsNew, d.BillsNew)
	rows.BillsProcessing = append(rows.BillsProcessing, d.BillsProcessing)
	rows.BillsCompleted = append(rows.BillsCompleted, d.BillsCompleted)
	rows.Accepted = append(rows.Accepted, d.AcceptedScans)
	rows.Duplicate = append(rows.Duplicate, d.DuplicateScans)
	rows.Refused = append(rows.Refused, d.RefusedScans)
}
