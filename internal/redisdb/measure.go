package redisdb

import (
	"context"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"traitortrack/internal/obs"
)

// latencies are upper bounds in seconds: up to 5 ms is well, beyond 20 ms somebody has to look.
func latencies() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .02, .05, .1, .25}
}

// The names under which the memory of Redis is shown. The health of the system is read from them as well.
const (
	MemoryUsed = "traitortrack_redis_memory_used_bytes"
	MemoryMax  = "traitortrack_redis_memory_max_bytes"
)

// Measure shows how the program gets on with this Redis among the numbers, under a name. A Redis that was never configured has none.
// It is called before the first use.
func (db *DB) Measure(m *obs.Metrics, name string) {
	if db == nil {
		return
	}
	db.observe = m.Histogram("traitortrack_redis_call_duration_seconds", "Time of a call to Redis as its caller waited.", latencies(), "redis", name)
	m.Gauge("traitortrack_redis_up", "1 while Redis answers, 0 while it is left alone.", func() float64 {
		if db.State() == Away {
			return 0
		}
		return 1
	}, "redis", name)
	memory := &memoryReading{db: db}
	m.Gauge(MemoryUsed, "Memory that Redis uses.", memory.used, "redis", name)
	m.Gauge(MemoryMax, "Memory that Redis may use, 0 where it has no bound.", memory.most, "redis", name)
	m.RedisPool(name, db.poolStats)
}

func (db *DB) poolStats() obs.PoolStats {
	st, size := db.client.PoolStats(), db.client.Options().PoolSize
	return obs.PoolStats{InUse: int(st.TotalConns) - int(st.IdleConns), Idle: int(st.IdleConns), Max: size, Size: size,
		Waits: int64(st.WaitCount), Waited: time.Duration(st.WaitDurationNs), GaveUp: int64(st.Timeouts)}
}

// memoryFor is how long a reading of the memory stands, so that one look at the numbers asks once.
const memoryFor = time.Second

// memoryReading is what Redis last told of its memory.
type memoryReading struct {
	db      *DB
	mu      sync.Mutex
	at      time.Time
	now, of float64
}

func (r *memoryReading) used() float64 { return r.read(func() float64 { return r.now }) }

func (r *memoryReading) most() float64 { return r.read(func() float64 { return r.of }) }

// read asks Redis where the last answer is old. What cannot be known is not a number.
func (r *memoryReading) read(which func() float64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at) > memoryFor {
		r.now, r.of, r.at = math.NaN(), math.NaN(), time.Now()
		var info string
		err := r.db.Do(context.Background(), func(ctx context.Context, c Commands) error {
			var err error
			info, err = c.Info(ctx, "memory").Result()
			return err
		})
		if err == nil {
			r.now, r.of = field(info, "used_memory"), field(info, "maxmemory")
		}
	}
	return which()
}

// field finds a number in what Redis tells of itself.
func field(info, name string) float64 {
	_, rest, found := strings.Cut(info, "\n"+name+":")
	text, _, _ := strings.Cut(rest, "\r\n")
	value, err := strconv.ParseFloat(text, 64)
	if !found || err != nil {
		return math.NaN()
	}
	return value
}
