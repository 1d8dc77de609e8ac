// Package health tells how each part of the system is: healthy, degraded or unhealthy, by the thresholds of the runbook, and what
// to do next where one is not well.
package health

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"traitortrack/internal/obs"
	"traitortrack/internal/pg"
	"traitortrack/internal/redisdb"
)

// Status is how a part is.
type Status string

// The statuses.
const (
	Healthy   Status = "healthy"
	Degraded  Status = "degraded"  // it works, but slower or with less than it should have
	Unhealthy Status = "unhealthy" // it does not do its work
)

// Part is one part of the system. Chapter is the heading of docs/runbook.md that tells more, as its anchor.
type Part struct {
	Status  Status `json:"status"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"` // what to do; empty while it is healthy
	Chapter string `json:"runbook"`
}

// Database is how PostgreSQL answers.
type Database struct {
	Part
	QueryMilliseconds float64 `json:"query_time_ms"`
}

// Pool is how full the pool of connections is.
type Pool struct {
	Part
	Usage float64 `json:"usage_percent"`
}

// Cache is how often the caches had the answer, since the start.
type Cache struct {
	Part
	HitRate float64 `json:"hit_rate"` // in percent
	Hits    int64   `json:"total_hits"`
	Misses  int64   `json:"total_misses"`
	Entries int64   `json:"entries"`
}

// Redis is how full Redis is.
type Redis struct {
	Part
	MemoryUsage float64 `json:"memory_percent"` // 0 where it has no bound
}

// Audit is how far sealing is behind the audit log.
type Audit struct {
	Part
	LagSeconds float64 `json:"seal_lag_seconds"`
}

// Jobs is the work that waits.
type Jobs struct {
	Part
	Waiting       int64   `json:"waiting"`
	OldestSeconds float64 `json:"oldest_seconds"`
}

// Disk is the room that the database has left. Usage is absent where this server cannot see the database's disk.
type Disk struct {
	Part
	Usage *float64 `json:"usage_percent,omitempty"`
	Bytes int64    `json:"database_bytes"`
}

// Replica is how far the replica is behind.
type Replica struct {
	Part
	LagSeconds float64 `json:"lag_seconds"`
}

// Components are all parts.
type Components struct {
	Database    Database `json:"database"`
	Pool        Pool     `json:"pool"`
	Cache       Cache    `json:"cache"`
	Redis       *Redis   `json:"redis,omitempty"`
	Session     Part     `json:"session"`
	RateLimiter Part     `json:"rate_limiter"`
	Audit       Audit    `json:"audit_logging"`
	Jobs        Jobs     `json:"jobs"`
	Disk        Disk     `json:"disk"`
	Replica     *Replica `json:"replica,omitempty"`
}

// Named is a part with its names, for a list: Key is the one that programs know it by, among the components and in the metrics.
type Named struct {
	Key, Name string
	Part
}

// All gives every part, in the order in which they are read.
func (c Components) All() []Named {
	all := []Named{{"database", "Database", c.Database.Part}, {"pool", "Connection pool", c.Pool.Part}, {"cache", "Cache", c.Cache.Part}}
	if c.Redis != nil {
		all = append(all, Named{"redis", "Redis", c.Redis.Part})
	}
	all = append(all, Named{"session", "Sessions", c.Session}, Named{"rate_limiter", "Rate limiter", c.RateLimiter}, Named{"audit_logging", "Audit log", c.Audit.Part},
		Named{"jobs", "Jobs", c.Jobs.Part}, Named{"disk", "Disk", c.Disk.Part})
	if c.Replica != nil {
		all = append(all, Named{"replica", "Replica", c.Replica.Part})
	}
	return all
}

// Report is the whole at one moment.
type Report struct {
	Status     Status     `json:"status"`
	Message    string     `json:"message"`
	Timestamp  time.Time  `json:"timestamp"`
	Components Components `json:"components"`
}

// Sources are where the facts come from. Those that may be nil say so.
type Sources struct {
	DB      *pg.DB
	Read    func() (obs.Reading, error)
	Session func() redisdb.State
	Limits  func() redisdb.State
	SealLag func(context.Context) (time.Duration, error)        // nil where nothing is sealed, for want of a key
	Backlog func(context.Context) (int64, time.Duration, error) // how many jobs wait, and how long the oldest has waited
	Now     func() time.Time
	Bounds  Thresholds
}

// Monitor looks at every part in the background, so that telling of them costs nothing and waits for nobody.
type Monitor struct {
	s    Sources
	seal sealFacts
	disk diskFacts
	last atomic.Pointer[Report]
}

// NewMonitor makes a monitor.
func NewMonitor(s Sources) *Monitor { return &Monitor{s: s} }

// The monitor's clockwork. A report older than staleAfter is not believed.
const (
	every      = 2 * time.Second
	askBudget  = time.Second // for one question to the database
	sealsEvery = 15 * time.Second
	diskEvery  = 30 * time.Second
	staleAfter = 15 * time.Second
)

// Run looks until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		m.Look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look looks at every part once.
func (m *Monitor) Look(ctx context.Context) {
	f := m.gather(pg.Reserved(ctx)) // it looks on while the pool is exhausted
	c := f.judge(m.s.Bounds)
	report := Report{Timestamp: m.s.Now().UTC(), Components: c}
	report.Status, report.Message = sum(c)
	m.last.Store(&report)
}

// Report gives what was seen last. What is too old to be believed is unhealthy.
func (m *Monitor) Report() Report {
	seen := m.last.Load()
	if seen == nil {
		return Report{Status: Unhealthy, Message: "Nothing has been looked at yet. Ask again in a moment.", Timestamp: m.s.Now().UTC(), Components: unseen()}
	}
	report := *seen
	if m.s.Now().Sub(report.Timestamp) > staleAfter {
		report.Status, report.Message = Unhealthy, "The system was last looked at "+report.Timestamp.Format(time.TimeOnly)+" UTC: what follows is old."
	}
	return report
}

// Measure shows each part among the numbers: 0 healthy, 1 degraded, 2 unhealthy; and what only the monitor asks for.
func (m *Monitor) Measure(to *obs.Metrics) {
	parts := unseen()
	if m.s.Session() != redisdb.Absent {
		parts.Redis = &Redis{}
	}
	if replica, _ := m.s.DB.Replica(); replica != nil {
		parts.Replica = &Replica{}
	}
	for _, p := range parts.All() {
		to.Gauge("traitortrack_health_status", "How a part of the system is: 0 healthy, 1 degraded, 2 unhealthy.", func() float64 {
			return map[Status]float64{Degraded: 1, Unhealthy: 2}[m.Report().Components.status(p.Key)]
		}, "part", p.Key)
	}
	to.Gauge("traitortrack_audit_seal_lag_seconds", "Age of the oldest row of the audit log that has no seal.", func() float64 { return m.Report().Components.Audit.LagSeconds })
	to.Gauge("traitortrack_jobs_waiting", "Jobs that are due and wait.", func() float64 { return float64(m.Report().Components.Jobs.Waiting) })
	to.Gauge("traitortrack_jobs_oldest_seconds", "How long the oldest job has been due.", func() float64 { return m.Report().Components.Jobs.OldestSeconds })
	to.Gauge("traitortrack_db_query_seconds", "Time of the smallest question to the database.", func() float64 { return m.Report().Components.Database.QueryMilliseconds / 1000 })
	to.Gauge("traitortrack_db_size_bytes", "Size of the database.", func() float64 { return float64(m.Report().Components.Disk.Bytes) })
	to.Gauge("traitortrack_db_disk_used_percent", "How full the disk of the database is, where this server can see it; 0 elsewhere.", func() float64 {
		if used := m.Report().Components.Disk.Usage; used != nil {
			return *used
		}
		return 0
	})
}

// status gives how the part of a key is. One that nobody has looked at is unhealthy.
func (c Components) status(key string) Status {
	for _, p := range c.All() {
		if p.Key == key {
			return p.Status
		}
	}
	return Unhealthy
}

// sum gives the status of the whole: that of its worst part, and a sentence that names what is not well.
func sum(c Components) (Status, string) {
	worst, names := Healthy, []string{}
	for _, p := range c.All() {
		if p.Status == Healthy {
			continue
		}
		names = append(names, p.Name)
		if worst != Unhealthy {
			worst = p.Status
		}
	}
	if len(names) == 0 {
		return Healthy, "Everything works."
	}
	return worst, fmt.Sprintf("Not well: %s.", strings.Join(names, ", "))
}
