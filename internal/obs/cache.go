package obs

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// CacheCount counts how often a cache had the answer, and how often it had to be looked up. The zero value is ready, and
// it is safe for concurrent use.
type CacheCount struct{ hits, misses atomic.Int64 }

// Hit notes that the cache had the answer.
func (c *CacheCount) Hit() { c.hits.Add(1) }

// Miss notes that the cache did not have the answer.
func (c *CacheCount) Miss() { c.misses.Add(1) }

// Asked notes a question to the cache, and whether it had the answer.
func (c *CacheCount) Asked(had bool) {
	if had {
		c.Hit()
		return
	}
	c.Miss()
}

// The names of what caches show. The health of the system is read from them as well.
const (
	CacheAsked   = "traitortrack_cache_requests_total"
	CacheEntries = "traitortrack_cache_entries"
)

// caches shows every cache of the program.
type caches struct {
	mu             sync.Mutex
	all            map[string]cache
	asked, entries *prometheus.Desc
}

type cache struct {
	count   *CacheCount
	entries func() int // nil where nobody knows
}

func newCaches() *caches {
	return &caches{all: map[string]cache{},
		asked:   prometheus.NewDesc(CacheAsked, "Questions to a cache, by whether it had the answer: hit or miss.", []string{"cache", "result"}, nil),
		entries: prometheus.NewDesc(CacheEntries, "Values that a cache holds.", []string{"cache"}, nil)}
}

// Describe tells what Collect gives.
func (c *caches) Describe(out chan<- *prometheus.Desc) {
	out <- c.asked
	out <- c.entries
}

// Collect reads every cache.
func (c *caches) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, one := range c.all {
		out <- prometheus.MustNewConstMetric(c.asked, prometheus.CounterValue, float64(one.count.hits.Load()), name, "hit")
		out <- prometheus.MustNewConstMetric(c.asked, prometheus.CounterValue, float64(one.count.misses.Load()), name, "miss")
		if one.entries != nil {
			out <- prometheus.MustNewConstMetric(c.entries, prometheus.GaugeValue, float64(one.entries()), name)
		}
	}
}

// Cache shows a cache. entries tells how many values it holds, and is nil where that is not known here; it is safe for
// concurrent use.
func (m *Metrics) Cache(name string, count *CacheCount, entries func() int) {
	m.caches.mu.Lock()
	defer m.caches.mu.Unlock()
	m.caches.all[name] = cache{count: count, entries: entries}
}
