package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"traitortrack/internal/audit"
)

// sealArgs ask for the audit log and the scans to be sealed.
type sealArgs struct{}

// Kind names the job.
func (sealArgs) Kind() string { return "seal" }

type sealer struct {
	river.WorkerDefaults[sealArgs]
	sealer *audit.Sealer
}

// Work seals what is settled and has no seal.
func (s *sealer) Work(ctx context.Context, _ *river.Job[sealArgs]) error {
	_, err := s.sealer.Seal(ctx)
	return err
}

// Timeout leaves time for the first seal over the rows of years.
func (s *sealer) Timeout(*river.Job[sealArgs]) time.Duration { return 30 * time.Minute }
