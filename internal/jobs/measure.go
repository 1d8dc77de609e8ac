package jobs

import (
	"github.com/riverqueue/river"

	"traitortrack/internal/notify"
	"traitortrack/internal/obs"
)

// failures is where failed jobs are counted. It counts nothing until Measure.
type failures struct{ tell func(kind string) }

// Measure shows failed jobs among the numbers. It is called before Run.
func (r *Runner) Measure(m *obs.Metrics) {
	failed := m.Counter("traitortrack_jobs_failed_total", "Jobs that failed, by kind.", obs.Label{Name: "kind", Values: kinds()})
	r.failed.tell = func(kind string) { failed(kind) }
}

// kinds are the jobs that are counted by name. A new one is counted as "other" until it stands here.
func kinds() []string {
	var names []string
	for _, args := range []river.JobArgs{sealArgs{}, partitionArgs{}, forgetArgs{}, foldArgs{}, proveArgs{}, notify.LinkMail{}, notify.PlainMail{}} {
		names = append(names, args.Kind())
	}
	return names
}
