package server_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/health"
	"traitortrack/internal/obs"
	"traitortrack/internal/pg"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
	"traitortrack/web"
)

// patient is a system whose state a test sets.
type patient struct {
	health.Sources
	redis   redisdb.State
	lag     time.Duration
	waiting int64
}

func newPatient(db *pg.DB) *patient {
	p := &patient{redis: redisdb.Working}
	state := func() redisdb.State { return p.redis }
	bounds := health.Runbook()
	bounds.SlowQuery, bounds.Disk, bounds.DiskFull = time.Minute, 100, 100
	p.Sources = health.Sources{DB: db, Read: obs.NewMetrics().Read, Session: state, Limits: state, Now: time.Now, Bounds: bounds,
		SealLag: func(context.Context) (time.Duration, error) { return p.lag, nil },
		Backlog: func(context.Context) (int64, time.Duration, error) {
			return p.waiting, time.Duration(p.waiting) * time.Minute, nil
		}}
	return p
}

func TestSystemHealth(t *testing.T) {
	t.Parallel()
	w, b := browse(t)
	p := newPatient(w.db)
	m := health.NewMonitor(p.Sources)
	w.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) { d.Dist, d.System = web.Dist, m })
	b.url = w.url
	admin, dispatcher := w.as(t, authz.Admin), w.as(t, authz.Dispatcher)
	admin.want(admin.call("GET", "/api/system_health", nil), http.StatusOK, "")
	dispatcher.want(dispatcher.call("GET", "/api/system_health", nil), http.StatusForbidden, "forbidden")
	dispatcher.want(dispatcher.page("/system_health"), http.StatusForbidden, "")
	look := func(status health.Status) { // a look that a busy machine holds up finds a database that is away
		eventually(t, func() bool {
			m.Look(t.Context())
			return m.Report().Status == status && m.Report().Components.Database.Status == health.Healthy
		})
	}
	look(health.Healthy)
	if a := admin.call("GET", "/api/system_health", nil); a.text("status") != "healthy" || a.text("message") != "Everything works." {
		t.Errorf("a system that is well: %v", a)
	}
	b.logIn("admin"+w.name(), "/dashboard")
	b.open("/system_health")
	b.until("all is well", "document.querySelectorAll('.health-list .badge--good').length === 9")
	b.shoot("health-good")

	p.redis, p.lag, p.waiting = redisdb.Away, 2*time.Hour, 12
	look(health.Unhealthy)
	a := admin.call("GET", "/api/system_health", nil)
	parts := a.body["components"].(map[string]any)
	for name, want := range map[string]string{"database": "healthy", "redis": "degraded", "session": "degraded", "rate_limiter": "degraded", "audit_logging": "unhealthy", "jobs": "degraded"} {
		if got := parts[name].(map[string]any)["status"]; got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
	if a.text("status") != "unhealthy" {
		t.Errorf("the whole: %v", a)
	}
	b.open("/system_health")
	b.until("what is not well", "document.querySelectorAll('.card--degraded').length === 4 && document.querySelectorAll('.card--unhealthy').length === 1")
	b.shoot("health-bad")
	b.eval("(document.querySelector('.card--unhealthy').scrollIntoView(), 0)")
	b.shoot("health-bad-parts")
}
