package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"traitortrack/internal/config"
)

// shown are the numbers that rules, boards and pages rely on: each as a series, or the beginning of its name.
var shown = []string{
	`traitortrack_http_requests_total{class="2xx",method="POST",route="/api/scans"}`,
	`traitortrack_http_request_duration_seconds_bucket{method="POST",route="/api/scans",le="1"}`,
	"traitortrack_http_requests_in_flight", `traitortrack_db_statement_duration_seconds_count{name="totals"}`,
	`traitortrack_db_pool_in_use{pool="primary"}`, `traitortrack_db_pool_idle{pool="primary"}`, `traitortrack_db_pool_max{pool="primary"} 40`,
	`traitortrack_db_pool_size{pool="primary"} 25`, `traitortrack_db_pool_overflow{pool="primary"} 0`, `traitortrack_db_pool_waits_total{pool="primary"}`,
	`traitortrack_db_pool_wait_seconds_total{pool="primary"}`, `traitortrack_db_pool_gave_up_total{pool="primary"}`,
	`traitortrack_db_pool_max{pool="direct"}`, `traitortrack_db_pool_max{pool="reserve"} 2`,
	`traitortrack_redis_up{redis="main"} 1`, `traitortrack_redis_call_duration_seconds_bucket{redis="main",le="0.005"}`,
	`traitortrack_redis_memory_used_bytes{redis="main"}`, `traitortrack_redis_memory_max_bytes{redis="main"}`, `traitortrack_redis_pool_in_use{pool="main"}`,
	"traitortrack_rate_limit_backend_up 1", `traitortrack_rate_limit_total{class="login-name",outcome="limited"} 0`, `traitortrack_rate_limit_total{class="api",outcome="fallback"} 0`,
	`traitortrack_billing_gate_cache_state_total{state="miss"}`, `traitortrack_billing_gate_cache_state_total{state="stale"} 0`,
	`traitortrack_cache_requests_total{cache="organization",result="hit"}`, `traitortrack_cache_requests_total{cache="session",result="miss"}`,
	`traitortrack_cache_requests_total{cache="statistics",result="hit"} 1`, `traitortrack_cache_requests_total{cache="user",result="hit"}`,
	`traitortrack_cache_entries{cache="formats"} 1`,
	`traitortrack_scans_total{outcome="opened"} 1`, `traitortrack_scans_total{outcome="linked"} 1`, `traitortrack_scans_total{outcome="duplicate"} 1`,
	`traitortrack_scans_total{outcome="invalid_code"} 1`, `traitortrack_scans_total{outcome="parent_full"} 0`,
	"traitortrack_scan_group_callers_count 4", "traitortrack_scan_group_scans_sum 4",
	`traitortrack_jobs_failed_total{kind="seal"} 0`, `traitortrack_jobs_failed_total{kind="mail"} 0`, `traitortrack_mails_total{outcome="failed"} 0`,
	`traitortrack_logins_total{result="success"} 1`, `traitortrack_logins_total{result="invalid_credentials"} 1`, `traitortrack_logins_total{result="account_locked"} 0`,
	`traitortrack_health_status{part="database"} 0`, "traitortrack_audit_seal_lag_seconds", "traitortrack_jobs_waiting", "traitortrack_jobs_oldest_seconds",
	"traitortrack_db_query_seconds", "traitortrack_db_size_bytes", "traitortrack_db_disk_used_percent",
	"traitortrack_build_info{", "go_build_info", "go_goroutines", "go_sched_gomaxprocs_threads", "process_cpu_seconds_total", "process_start_time_seconds",
}

// TestNumbers does a little of everything and scrapes the program. What clients make up has to leave no series behind.
func TestNumbers(t *testing.T) {
	t.Parallel()
	p := startProgram(t, config.Environment{"CACHE_TTL_SECONDS": "60"})
	p.ask("POST", "/api/login", map[string]string{"username": operator, "password": "not the password"})
	p.logIn()
	for _, scan := range []map[string]string{{"code": "SB00001"}, {"code": "C0001", "parent": "SB00001"}, {"code": "C0001", "parent": "SB00001"}, {"code": "?"}} {
		p.ask("POST", "/api/scans", scan)
	}
	p.ask("GET", "/api/stats", nil)
	p.ask("GET", "/api/stats", nil)
	for end := time.Now().Add(2 * time.Minute); len(p.missing()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not among the numbers: %q", p.missing())
		}
	}
	p.ramble(0)
	once := p.numbers()
	p.ramble(20)
	twice := p.numbers()
	for _, made := range []string{"nowhere", "MAKEUP", "SB9000", "nobody"} {
		if strings.Contains(twice, made) {
			t.Errorf("what a client typed became a series: %s", made)
		}
	}
	if first, second := ours(once), ours(twice); first != second {
		t.Errorf("%d series after one round of made-up requests, %d after two", first, second)
	}
	if a := p.ask("GET", "/metrics", nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("the numbers are public: %d", a.StatusCode)
	}
}

// missing gives what is not among the numbers. Some are there once the program has looked at itself.
func (r *running) missing() []string {
	r.t.Helper()
	numbers := r.numbers()
	return slices.DeleteFunc(slices.Clone(shown), func(want string) bool { return strings.Contains(numbers, "\n"+want) })
}

// ramble asks for what nobody else will ever ask for again.
func (r *running) ramble(from int) {
	r.t.Helper()
	for n := from; n < from+20; n++ {
		r.ask("GET", fmt.Sprintf("/nowhere/%d", n), nil)
		r.ask(fmt.Sprintf("MAKEUP%d", n), "/api/stats", nil)
		r.ask("GET", fmt.Sprintf("/api/bags/SB9000%d", n), nil)
		r.ask("POST", "/api/login", map[string]string{"username": fmt.Sprintf("nobody%d", n), "password": "not the password"})
	}
}

// ours counts the program's own series. Statements are left out: a job may ask for the first time meanwhile.
func ours(numbers string) int {
	return strings.Count(numbers, "\ntraitortrack_") - strings.Count(numbers, "\ntraitortrack_db_statement_")
}
