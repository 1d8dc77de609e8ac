package jobs

import (
	"context"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// reporter writes failed jobs to the log, and counts them.
type reporter struct {
	log    *slog.Logger
	failed *failures
}

// HandleError logs a job that failed.
func (r reporter) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	r.failed.tell(job.Kind)
	r.log.ErrorContext(ctx, "job failed", slog.String("job", job.Kind), slog.Int("attempt", job.Attempt), slog.Any("error", err))
	return nil
}

// HandlePanic logs a job that broke down.
func (r reporter) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	r.failed.tell(job.Kind)
	r.log.ErrorContext(ctx, "job panicked", slog.String("job", job.Kind), slog.Int("attempt", job.Attempt), slog.Any("panic", panicked), slog.String("trace", trace))
	return nil
}

// quiet keeps River's own doings out of the log: what fails is reported by reporter, in words of ours.
type quiet struct{ slog.Handler }

// Enabled lets warnings and errors through.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}
