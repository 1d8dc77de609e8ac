// Package tally keeps the read model: the totals of an organization, maintained as its people work.
package tally

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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

// Add adds a delta to the totals, in the caller's transaction and as its last lock: nothing that waits for this row
// holds anything that the caller may still need. An empty delta writes nothing.
func Add(ctx context.Context, tx pgx.Tx, actor authz.Actor, at time.Time, d Delta) error {
	if d == (Delta{}) {
		return nil
	}
	err := New(tx).add(ctx, addParams{
		OrgID: actor.OrgID, Quarter: at.UTC().Truncate(Quarter), UserID: actor.UserID,
		Parents: d.Parents, Children: d.Children, Links: d.Links,
		BillsNew: d.BillsNew, BillsProcessing: d.BillsProcessing, BillsCompleted: d.BillsCompleted,
		Accepted: d.AcceptedScans, Duplicate: d.DuplicateScans, Refused: d.RefusedScans,
	})
	if err != nil {
		return fmt.Errorf("add to the tally of organization %d: %w", actor.OrgID, err)
	}
	return nil
}
