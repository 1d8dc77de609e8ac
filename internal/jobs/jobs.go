// Package jobs has the background work, as River jobs: a file for each, and the clock that starts the periodic ones.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"traitortrack/internal/audit"
	"traitortrack/internal/pg"
	"traitortrack/internal/report"
	"traitortrack/migrations"
)

// Deps are what the jobs work with. DB reaches PostgreSQL itself, past any pooler: jobs listen and lock.
type Deps struct {
	DB      *pg.DB
	Sealer  *audit.Sealer // nil where there is no key to seal with
	Reports *report.Store
	Log     *slog.Logger
	Now     func() time.Time
}

// Runner works the jobs of this instance. Several instances share the work; one of them starts the periodic jobs.
type Runner struct {
	db     *pg.DB
	log    *slog.Logger
	client *river.Client[pgx.Tx]
}

// workersPerInstance bounds how many jobs an instance works at a time, so that they leave the database to the scanners.
const workersPerInstance = 4

// NewRunner makes a runner.
func NewRunner(d Deps) (*Runner, error) {
	workers := river.NewWorkers()
	if d.Sealer != nil {
		river.AddWorker(workers, &sealer{sealer: d.Sealer})
	}
	river.AddWorker(workers, &partitioner{db: d.DB})
	river.AddWorker(workers, &forgetter{db: d.DB, now: d.Now})
	river.AddWorker(workers, &folder{db: d.DB, now: d.Now})
	river.AddWorker(workers, &prover{db: d.DB, reports: d.Reports, log: d.Log})
	client, err := river.NewClient(riverpgxv5.New(d.DB.Pool()), &river.Config{
		Schema:       migrations.JobSchema,
		Queues:       map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workersPerInstance}},
		Workers:      workers,
		PeriodicJobs: periodic(d.Sealer != nil),
		Logger:       slog.New(quiet{d.Log.Handler()}),
		ErrorHandler: reporter{d.Log},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the jobs: %w", err)
	}
	return &Runner{db: d.DB, log: d.Log, client: client}, nil
}

// periodic are the jobs that the clock starts. Each also runs when an instance takes over the clock.
func periodic(seals bool) []*river.PeriodicJob {
	type turn struct {
		every time.Duration
		args  river.JobArgs
	}
	turns := []turn{{24 * time.Hour, partitionArgs{}}, {24 * time.Hour, forgetArgs{}}, {time.Hour, foldArgs{}}, {24 * time.Hour, proveArgs{}}}
	if seals {
		turns = append(turns, turn{time.Minute, sealArgs{}})
	}
	var all []*river.PeriodicJob
	for _, p := range turns {
		start := func() (river.JobArgs, *river.InsertOpts) { return p.args, once() }
		all = append(all, river.NewPeriodicJob(river.PeriodicInterval(p.every), start, &river.PeriodicJobOpts{ID: p.args.Kind(), RunOnStart: true}))
	}
	return all
}

// once lets a periodic job wait or run once at a time. One that fails is not tried again: its next turn comes anyway.
func once() *river.InsertOpts {
	return &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByState: []rivertype.JobState{rivertype.JobStateAvailable,
		rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled}}}
}

// finish is how long running jobs may take when the program stops. What is not done then goes back to be done again.
const finish = 5 * time.Second

// Run works jobs until ctx ends, then lets those that run finish or hands them back.
func (r *Runner) Run(ctx context.Context) error {
	background := context.WithoutCancel(ctx)
	if err := r.client.Start(background); err != nil {
		return fmt.Errorf("start the jobs: %w", err)
	}
	<-ctx.Done()
	soft, cancel := context.WithTimeout(background, finish)
	defer cancel()
	if err := r.client.Stop(soft); err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(background, finish)
	defer cancel()
	if err := r.client.StopAndCancel(hard); err != nil {
		return fmt.Errorf("stop the jobs: %w", err)
	}
	return nil
}

// Backlog is the work that waits: how many jobs, and for how long the oldest one is due.
type Backlog struct {
	Waiting int64
	Oldest  time.Duration
}

// Backlog tells how much work waits.
func (r *Runner) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	var seconds float64
	err := r.db.Pool().QueryRow(ctx, `SELECT count(*), coalesce(extract(epoch FROM now() - min(scheduled_at)), 0)::float8
		FROM river.river_job WHERE state IN ('available', 'retryable', 'scheduled') AND scheduled_at <= now()`).Scan(&b.Waiting, &seconds)
	if err != nil {
		return b, pg.Refusal(fmt.Errorf("count the jobs that wait: %w", err))
	}
	b.Oldest = time.Duration(seconds * float64(time.Second))
	return b, nil
}
