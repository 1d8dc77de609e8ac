package jobs

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"traitortrack/internal/account"
)

// accountArgs ask for what accounts leave behind to be cleared away: failures that no longer count, links that are too old,
// and tokens that expired a while ago.
type accountArgs struct{}

// Kind names the job.
func (accountArgs) Kind() string { return "accounts" }

type accountSweeper struct {
	river.WorkerDefaults[accountArgs]
	accounts *account.Store
}

// Work clears each of them away, also where another fails.
func (s *accountSweeper) Work(ctx context.Context, _ *river.Job[accountArgs]) error {
	return errors.Join(s.accounts.SweepLocks(ctx), s.accounts.SweepLinks(ctx), s.accounts.SweepTokens(ctx))
}
