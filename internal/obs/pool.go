package obs

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PoolStats is a pool of connections at one moment.
type PoolStats struct {
	InUse, Idle, Max int
	Size             int           // what it is meant to hold; what is in use beyond that is overflow
	Waits            int64         // since the start: how often somebody had to wait for a connection
	Waited           time.Duration // since the start: how long they waited, together
	GaveUp           int64         // since the start: how many went away before they had one
}

// Overflow is how many connections are in use beyond the size.
func (p PoolStats) Overflow() int { return max(0, p.InUse-p.Size) }

// pools shows pools of one kind. Each pool is read once for all of its numbers, so that they belong together.
type pools struct {
	mu                                                        sync.Mutex
	read                                                      map[string]func() PoolStats
	inUse, idle, most, size, overflow, waits, waiting, gaveUp *prometheus.Desc
}

// newPools makes the collector whose names begin with prefix.
func newPools(prefix, of string) *pools {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prefix+name, help, []string{"pool"}, nil)
	}
	return &pools{
		read:     map[string]func() PoolStats{},
		inUse:    desc("in_use", "Connections to "+of+" in use."),
		idle:     desc("idle", "Connections to "+of+" that are open and wait for work."),
		most:     desc("max", "Connections to "+of+" that may be open: the size and the overflow together."),
		size:     desc("size", "Connections to "+of+" that the pool is meant to hold."),
		overflow: desc("overflow", "Connections to "+of+" in use beyond the size."),
		waits:    desc("waits_total", "How often somebody waited for a connection to "+of+"."),
		waiting:  desc("wait_seconds_total", "How long they waited for a connection to "+of+", together."),
		gaveUp:   desc("gave_up_total", "How many went away before they had a connection to "+of+"."),
	}
}

func (p *pools) add(name string, read func() PoolStats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read[name] = read
}

// Describe tells what Collect gives.
func (p *pools) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.inUse, p.idle, p.most, p.size, p.overflow, p.waits, p.waiting, p.gaveUp} {
		out <- d
	}
}

// Collect reads every pool.
func (p *pools) Collect(out chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, read := range p.read {
		now := read()
		gauge := func(d *prometheus.Desc, n int) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), name)
		}
		total := func(d *prometheus.Desc, n float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, name)
		}
		gauge(p.inUse, now.InUse)
		gauge(p.idle, now.Idle)
		gauge(p.most, now.Max)
		gauge(p.size, now.Size)
		gauge(p.overflow, now.Overflow())
		total(p.waits, float64(now.Waits))
		total(p.waiting, now.Waited.Seconds())
		total(p.gaveUp, float64(now.GaveUp))
	}
}

// DatabasePool shows a pool of connections to PostgreSQL. read is safe for concurrent use.
func (m *Metrics) DatabasePool(name string, read func() PoolStats) { m.database.add(name, read) }

// RedisPool shows a pool of connections to Redis. read is safe for concurrent use.
func (m *Metrics) RedisPool(name string, read func() PoolStats) { m.redis.add(name, read) }
