package health_test

import (
	"testing"
	"time"

	"traitortrack/internal/health"
	"traitortrack/internal/obs"
	"traitortrack/internal/pg"
	"traitortrack/internal/redisdb"
)

// TestEveryPartIsANumber holds that each part that there is can be alerted on, and that one that nobody has looked at is not well.
func TestEveryPartIsANumber(t *testing.T) {
	t.Parallel()
	for state, redis := range map[redisdb.State]bool{redisdb.Working: true, redisdb.Away: true, redisdb.Absent: false} {
		m := obs.NewMetrics()
		health.NewMonitor(health.Sources{DB: &pg.DB{}, Session: func() redisdb.State { return state }, Now: time.Now}).Measure(m)
		numbers, err := m.Read()
		if err != nil {
			t.Fatal(err)
		}
		for part, there := range map[string]bool{"database": true, "pool": true, "cache": true, "redis": redis, "session": true, "rate_limiter": true,
			"audit_logging": true, "jobs": true, "disk": true, "replica": false} {
			if n, found := numbers.Sum("traitortrack_health_status", "part", part); found != there || there && n != 2 {
				t.Errorf("Redis is %v, and %s is told %v as %v", state, part, found, n)
			}
		}
	}
}
