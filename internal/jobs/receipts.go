package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"traitortrack/internal/pg"
)

// receiptAge is how long a scan's id is remembered. A device that was offline for longer has lost its queue.
const receiptAge = 45 * 24 * time.Hour

// receiptsAtOnce are forgotten in one statement.
const receiptsAtOnce = 5000

// forgetArgs ask for old receipts to be forgotten.
type forgetArgs struct{}

// Kind names the job.
func (forgetArgs) Kind() string { return "receipts" }

type forgetter struct {
	river.WorkerDefaults[forgetArgs]
	db  *pg.DB
	now func() time.Time
}

// Work forgets the receipts that are too old, a few thousand at a time.
func (f *forgetter) Work(ctx context.Context, _ *river.Job[forgetArgs]) error {
	for {
		n, err := New(f.db.Pool()).forgetReceipts(ctx, forgetReceiptsParams{Before: f.now().Add(-receiptAge), Most: receiptsAtOnce})
		if err != nil {
			return fmt.Errorf("forget old receipts: %w", err)
		}
		if n < receiptsAtOnce {
			return nil
		}
	}
}

// Timeout leaves time for a first turn over many.
func (f *forgetter) Timeout(*river.Job[forgetArgs]) time.Duration { return 30 * time.Minute }
