// Package pool watches the pool of database connections: how full it was over the last ten minutes, whom to tell before it is
// exhausted, and which of the database's backends hold it up.
package pool

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"traitortrack/internal/obs"
)

// A sample is taken every Every, and kept for ten minutes.
const (
	Every = 2 * time.Second
	Kept  = 300
)

// Primary names the pool that people's requests use, among the numbers.
const Primary = "primary"

// Sample is the pool at one moment.
type Sample struct {
	At time.Time
	obs.PoolStats
}

// Usage is how full the pool is, in percent of all that it may hold, overflow included.
func (s Sample) Usage() float64 {
	if s.Max == 0 {
		return 0
	}
	return 100 * float64(s.InUse) / float64(s.Max)
}

// Band is the band of the usage.
func (s Sample) Band() Band { return BandOf(s.Usage()) }

// Available is how many more connections may be used.
func (s Sample) Available() int { return max(0, s.Max-s.InUse) }

// Named is one of the program's pools, for those beside the primary.
type Named struct {
	Name string
	Sample
}

// Options say what a watch looks at and whom it tells.
type Options struct {
	Read func() (obs.Reading, error) // the numbers that Prometheus scrapes: there is no second set
	Now  func() time.Time
	Log  *slog.Logger
	Tell func(context.Context, Alert) // besides the log; nil for nobody
}

// Watch samples the pool. It is safe for concurrent use.
type Watch struct {
	o       Options
	mu      sync.RWMutex
	samples []Sample // the oldest first
	pools   []Named  // all of them, as of the last sample
	alarm   alarm
}

// NewWatch makes a watch.
func NewWatch(o Options) *Watch {
	if o.Tell == nil {
		o.Tell = func(context.Context, Alert) {}
	}
	return &Watch{o: o}
}

// Run takes samples until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		w.Sample(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sample takes one sample, and tells of it where somebody has to know.
func (w *Watch) Sample(ctx context.Context) {
	reading, err := w.o.Read()
	if err != nil {
		w.o.Log.WarnContext(ctx, "some numbers cannot be read", slog.Any("cause", err))
	}
	if alert, news := w.take(reading.Pools(), w.o.Now()); news {
		w.log(ctx, alert)
		w.o.Tell(ctx, alert)
	}
}

// take keeps a sample, and gives what is to be told of it.
func (w *Watch) take(pools map[string]obs.PoolStats, now time.Time) (Alert, bool) {
	s := Sample{At: now, PoolStats: pools[Primary]}
	var all []Named
	for name, stats := range pools {
		all = append(all, Named{Name: name, Sample: Sample{At: now, PoolStats: stats}})
	}
	slices.SortFunc(all, func(a, b Named) int { return cmp.Or(cmp.Compare(b.Max, a.Max), cmp.Compare(a.Name, b.Name)) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pools = all
	w.samples = append(w.samples, s)
	w.samples = slices.Delete(w.samples, 0, max(0, len(w.samples)-Kept))
	var news bool
	w.alarm, news = w.alarm.step(s.Band(), now)
	return Alert{Band: s.Band(), Sample: s}, news
}

// log writes an alert in the level that its band deserves.
func (w *Watch) log(ctx context.Context, a Alert) {
	level := map[Band]slog.Level{Healthy: slog.LevelInfo, Warning: slog.LevelWarn, Critical: slog.LevelError, Danger: obs.LevelCritical}[a.Band]
	w.o.Log.LogAttrs(ctx, level, a.String(), slog.String("band", string(a.Band)), slog.Float64("usage_percent", a.Sample.Usage()),
		slog.Int("in_use", a.Sample.InUse), slog.Int("max", a.Sample.Max), slog.Int("overflow", a.Sample.Overflow()), slog.Int64("waits", a.Sample.Waits))
}

// Samples gives the last ten minutes, the oldest first.
func (w *Watch) Samples() []Sample {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.Clone(w.samples)
}

// Latest gives the last sample, and false before the first.
func (w *Watch) Latest() (Sample, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if len(w.samples) == 0 {
		return Sample{}, false
	}
	return w.samples[len(w.samples)-1], true
}

// Pools gives every pool of the program as it was at the last sample, the largest first, and those of one size by name.
func (w *Watch) Pools() []Named {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.Clone(w.pools)
}
