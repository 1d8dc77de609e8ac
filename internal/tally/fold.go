package tally

import (
	"context"
	"fmt"
	"time"

	"traitortrack/internal/pg"
)

// foldAfter is the age at which a quarter is folded: no day is longer than 25 hours, not even where clocks are set back.
const foldAfter = 25 * time.Hour

// Fold adds an organization's quarters that are older than a day into one row, so that its sum stays cheap for ever, and forgets who scanned
// on days that are over everywhere. Who sums meanwhile sees the rows before or the row after, and the same numbers.
func Fold(ctx context.Context, db *pg.DB, orgID int64, now time.Time) error {
	before := now.UTC().Add(-foldAfter).Truncate(Quarter)
	q := New(db.Pool())
	if err := q.fold(ctx, foldParams{OrgID: orgID, Before: before}); err != nil {
		return pg.Refusal(fmt.Errorf("fold the tally of organization %d: %w", orgID, err))
	}
	if err := q.forget(ctx, forgetParams{OrgID: orgID, Before: before}); err != nil {
		return pg.Refusal(fmt.Errorf("forget who scanned on past days in organization %d: %w", orgID, err))
	}
	return nil
}
