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

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/mail"
	"traitortrack/internal/notify"
	"traitortrack/internal/pg"
	"traitortrack/internal/report"
	"traitortrack/migrations"
)

// Deps are what the jobs work with. DB reaches PostgreSQL itself, past any pooler: jobs listen and lock.
type Deps struct {
	DB     *pg.DB
	Sealer *audit.Sealer // nil where there is no key to seal with

	Archiver *audit.Archiver // nil where the log stays in the database
	Reports  *report.Store
	Mail     *mail.Sender // nil where no mail server is configured
	BaseURL  string       // the address under which people reach the server, for the links in mails
	Mailed   func(Mailed) // counts the mails; nil for nobody who counts
	Log      *slog.Logger
	Now      func() time.Time
}

// Runner works the jobs of this instance. Several instances share the work; one of them starts the periodic jobs.
type Runner struct {
	db     *pg.DB
	log    *slog.Logger
	client *river.Client[pgx.Tx]
	failed *failures
}

// workersPerInstance bounds how many jobs an instance works at a time, so that they leave the database to the scanners.
// Mails are sent beside them: they wait for the mail server, and hold no connection meanwhile.
const (
	workersPerInstance = 4
	mailersPerInstance = 2
)

// NewRunner makes a runner.
func NewRunner(d Deps) (*Runner, error) {
	workers := river.NewWorkers()
	if d.Sealer != nil {
		river.AddWorker(workers, &sealer{sealer: d.Sealer})
	}
	if d.Archiver != nil {
		river.AddWorker(workers, &archiver{archiver: d.Archiver})
	}
	river.AddWorker(workers, &partitioner{db: d.DB})
	river.AddWorker(workers, &forgetter{db: d.DB, now: d.Now})
	river.AddWorker(workers, &sweeper{db: d.DB, now: d.Now})
	river.AddWorker(workers, &accountSweeper{accounts: account.NewStore(d.DB, d.Now)})
	river.AddWorker(workers, &folder{db: d.DB, now: d.Now})
	river.AddWorker(workers, &prover{db: d.DB, reports: d.Reports, log: d.Log})
	addMailers(workers, d)
	failed := &failures{tell: func(string) {}}
	client, err := river.NewClient(riverpgxv5.New(d.DB.Pool()), &river.Config{
		Schema:       migrations.JobSchema,
		Queues:       map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workersPerInstance}, notify.MailQueue: {MaxWorkers: mailersPerInstance}},
		Workers:      workers,
		PeriodicJobs: periodic(d),
		Logger:       slog.New(quiet{d.Log.Handler()}),
		ErrorHandler: reporter{log: d.Log, failed: failed},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the jobs: %w", err)
	}
	return &Runner{db: d.DB, log: d.Log, client: client, failed: failed}, nil
}

func addMailers(workers *river.Workers, d Deps) {
	p := post{db: d.DB, sender: d.Mail, base: d.BaseURL, log: d.Log, now: d.Now, count: d.Mailed}
	if p.count == nil {
		p.count = func(Mailed) {}
	}
	river.AddWorker(workers, &linkMailer{post: p})
	river.AddWorker(workers, &plainMailer{post: p})
}

// periodic are the jobs that the clock starts. Each also runs when an instance takes over the clock.
func periodic(d Deps) []*river.PeriodicJob {
	type turn struct {
		every time.Duration
		args  river.JobArgs
	}
	turns := []turn{{24 * time.Hour, partitionArgs{}}, {24 * time.Hour, forgetArgs{}}, {24 * time.Hour, sweepArgs{}}, {time.Hour, accountArgs{}}, {time.Hour, foldArgs{}}, {24 * time.Hour, proveArgs{}}}
	if d.Sealer != nil {
		turns = append(turns, turn{time.Minute, sealArgs{}})
	}
	if d.Archiver != nil {
		turns = append(turns, turn{24 * time.Hour, archiveArgs{}})
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
