package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"traitortrack/internal/audit"
)

// archiveArgs ask for the old months of the audit log to be moved into files.
type archiveArgs struct{}

// Kind names the job.
func (archiveArgs) Kind() string { return "archive" }

type archiver struct {
	river.WorkerDefaults[archiveArgs]
	archiver *audit.Archiver
}

// Work moves what is older than 90 days. A month that cannot be moved is tried again the next day.
func (a *archiver) Work(ctx context.Context, _ *river.Job[archiveArgs]) error {
	_, err := a.archiver.Archive(ctx)
	return err
}

// Timeout leaves time for the first archives, which may be of years.
func (a *archiver) Timeout(*river.Job[archiveArgs]) time.Duration { return 2 * time.Hour }
