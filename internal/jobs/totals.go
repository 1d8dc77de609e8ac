package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/report"
	"traitortrack/internal/tally"
)

// foldArgs ask for the totals' old quarters to be folded.
type foldArgs struct{}

// Kind names the job.
func (foldArgs) Kind() string { return "fold" }

type folder struct {
	river.WorkerDefaults[foldArgs]
	db  *pg.DB
	now func() time.Time
}

// Work folds the old quarters of every organization. One that fails does not keep the others from their turn.
func (f *folder) Work(ctx context.Context, _ *river.Job[foldArgs]) error {
	return eachOrganization(ctx, f.db, func(o org.Listed) error { return tally.Fold(ctx, f.db, o.ID, f.now()) })
}

// proveArgs ask for the totals to be held against plain counts.
type proveArgs struct{}

// Kind names the job.
func (proveArgs) Kind() string { return "prove" }

type prover struct {
	river.WorkerDefaults[proveArgs]
	db      *pg.DB
	reports *report.Store
	log     *slog.Logger
}

// Work counts the rows of every organization, and tells the log of each total that has drifted from them.
func (p *prover) Work(ctx context.Context, _ *river.Job[proveArgs]) error {
	return eachOrganization(ctx, p.db, func(o org.Listed) error {
		drifts, err := p.reports.Prove(ctx, o.ID)
		for _, d := range drifts {
			p.log.ErrorContext(ctx, "a total has drifted", slog.Int64("organization", o.ID), slog.String("total", d.Name),
				slog.Int64("ledger", d.Ledger), slog.Int64("counted", d.Counted))
		}
		return err
	})
}

// Timeout leaves time to read whole tables.
func (p *prover) Timeout(*river.Job[proveArgs]) time.Duration { return time.Hour }

func eachOrganization(ctx context.Context, db *pg.DB, do func(org.Listed) error) error {
	var all []org.Listed
	err := db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		all, err = org.List(ctx, tx)
		return err
	})
	for _, o := range all {
		if failed := do(o); failed != nil {
			err = errors.Join(err, fmt.Errorf("organization %d: %w", o.ID, failed))
		}
	}
	return err
}
