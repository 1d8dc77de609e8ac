package main

import (
	"encoding/json"
	"net/http"
	"syscall"
	"testing"
	"time"

	"traitortrack/internal/config"
	"traitortrack/internal/pgtest"
)

// TestSystemHealthOfTheProgram holds the wire's shape, and that a Redis that hangs is told of and heals.
func TestSystemHealthOfTheProgram(t *testing.T) {
	t.Parallel()
	redis, process := pgtest.OwnRedis(t)
	p := startProgram(t, config.Environment{"REDIS_URL": redis})
	p.logIn()
	type part struct {
		Status, Message, Runbook string
		Rate                     *float64 `json:"hit_rate"`
		Took                     *float64 `json:"query_time_ms"`
	}
	var report struct {
		Status, Message string
		Timestamp       time.Time
		Components      map[string]part
	}
	is := func(name, status string) func() bool {
		return func() bool {
			a := p.ask("GET", "/api/system_health", nil)
			if err := json.Unmarshal([]byte(a.text), &report); err != nil || a.StatusCode != http.StatusOK {
				t.Fatalf("%d %s: %v", a.StatusCode, a.text, err)
			}
			return report.Components[name].Status == status
		}
	}
	eventually(t, "the sessions are healthy", is("session", "healthy"), p.log)
	for _, name := range []string{"database", "pool", "cache", "redis", "session", "rate_limiter", "audit_logging", "jobs", "disk"} {
		if got := report.Components[name]; got.Status == "" || got.Message == "" || got.Runbook == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if report.Components["cache"].Rate == nil || report.Components["database"].Took == nil || time.Since(report.Timestamp) > time.Minute {
		t.Errorf("got %+v", report)
	}
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the sessions are degraded", is("session", "degraded"), p.log)
	if report.Components["rate_limiter"].Status != "degraded" || report.Components["redis"].Status != "degraded" || report.Status == "healthy" {
		t.Errorf("Redis hangs: %+v", report)
	}
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the sessions are healthy again", is("session", "healthy"), p.log)
}
