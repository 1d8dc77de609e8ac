package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"traitortrack/loadtests/loopback"
	"traitortrack/loadtests/numbers"
)

// disturbance is what was seen of the servers while Redis was away, and after.
type disturbance struct {
	down, limits bool   // redis_up and rate_limit_backend_up said so
	health       string // what /healthz said
	alerts       string // that fired
	healed       bool   // at the end all is as before
	left         string // what /healthz and Prometheus said at the end
}

// begin waits a little, until the servers have noticed.
func (d *disturbance) begin(ctx context.Context, s *site) {
	for range 20 {
		if d.look(ctx, s); d.down && strings.Contains(d.health, "degraded") || !pause(ctx, 500*time.Millisecond) {
			return
		}
	}
}

func (d *disturbance) look(ctx context.Context, s *site) {
	if now, err := numbers.Read(ctx, s.metrics[0]); err == nil {
		up, known := now[redisUp]
		d.down = d.down || known && up == 0
		limits, known := now["traitortrack_rate_limit_backend_up"]
		d.limits = d.limits || known && limits == 0
	}
	if body, err := loopback.Fetch(ctx, s.urls[0]+"/healthz"); err == nil && strings.Contains(body, "degraded") {
		d.health = strings.TrimSpace(body)
	}
}

// end asks Prometheus which alerts fire.
func (d *disturbance) end(ctx context.Context, s *site) {
	d.look(ctx, s)
	d.alerts = s.firing(ctx)
}

// heal looks whether all is as before, when Redis has been back for a phase. What comes a moment later is early enough.
func (d *disturbance) heal(ctx context.Context, s *site) {
	for range 10 {
		now, err := numbers.Read(ctx, s.metrics[0])
		body, healthErr := loopback.Fetch(ctx, s.urls[0]+"/healthz")
		firing := s.firing(ctx)
		d.left = strings.TrimSpace(body) + " " + firing
		d.healed = err == nil && healthErr == nil && now[redisUp] == 1 && strings.Contains(body, `"ready"`) && !strings.Contains(firing, "RedisDown")
		if d.healed || !pause(ctx, 500*time.Millisecond) {
			return
		}
	}
}

func (d *disturbance) bars() []bar {
	return []bar{
		{"Redis is told to be away, by the metric", "1 → 0", map[bool]string{true: "0", false: "1 all the time"}[d.down], d.down},
		{"the limits' backend likewise", "1 → 0", map[bool]string{true: "0", false: "1 all the time"}[d.limits], d.limits},
		{"/healthz", "200 degraded", fmt.Sprintf("`%s`", d.health), strings.Contains(d.health, "degraded")},
		{"alerts that Prometheus fires", "RedisDown", d.alerts, strings.Contains(d.alerts, "RedisDown")},
		{"healed at the end", "ready, no alert", fmt.Sprintf("`%s`", strings.TrimSpace(d.left)), d.healed},
	}
}
