package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"traitortrack/internal/pg"
)

// noticeAge is how long a notice is kept, read or not.
const noticeAge = 90 * 24 * time.Hour

// noticesAtOnce are cleared away in one statement.
const noticesAtOnce = 5000

// sweepArgs ask for old notices to be cleared away.
type sweepArgs struct{}

// Kind names the job.
func (sweepArgs) Kind() string { return "notices" }

type sweeper struct {
	river.WorkerDefaults[sweepArgs]
	db  *pg.DB
	now func() time.Time
}

// Work clears away the notices that are too old, a few thousand at a time.
func (s *sweeper) Work(ctx context.Context, _ *river.Job[sweepArgs]) error {
	for {
		n, err := New(s.db.Pool()).sweepNotices(ctx, sweepNoticesParams{Before: s.now().Add(-noticeAge), Most: noticesAtOnce})
		if err != nil {
			return fmt.Errorf("clear away old notices: %w", err)
		}
		if n < noticesAtOnce {
			return nil
		}
	}
}

// Timeout leaves time for a first turn over many.
func (s *sweeper) Timeout(*river.Job[sweepArgs]) time.Duration { return 30 * time.Minute }
