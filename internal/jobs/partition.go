package jobs

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"

	"traitortrack/internal/pg"
	"traitortrack/migrations"
)

// partitionArgs ask for the partitions of the coming months.
type partitionArgs struct{}

// Kind names the job.
func (partitionArgs) Kind() string { return "partitions" }

type partitioner struct {
	river.WorkerDefaults[partitionArgs]
	db *pg.DB
}

// Work makes the partitions that are missing, months before the first row needs them.
func (p *partitioner) Work(ctx context.Context, _ *river.Job[partitionArgs]) error {
	if _, err := p.db.Pool().Exec(ctx, migrations.ComingPartitions); err != nil {
		return fmt.Errorf("make the coming partitions: %w", err)
	}
	return nil
}
