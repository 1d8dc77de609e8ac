package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"traitortrack/internal/config"
	"traitortrack/internal/mailtest"
)

// TestExhaustedPool has people's requests take every connection and keep it, which they do while a table is locked. Whoever looks
// after the pool sees it, and the health check does not notice.
func TestExhaustedPool(t *testing.T) {
	t.Parallel()
	office := mailtest.Open(t)
	p := startProgram(t, config.Environment{"POOL_SIZE": "3", "POOL_MAX_OVERFLOW": "2", "SMTP_URL": office.URL, "MAIL_FROM": "bags@example.org", "BASE_URL": "http://bags.example.org"})
	p.logIn()
	p.exec(`UPDATE "user" SET email = 'operator@example.org'`)
	tx, err := p.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE bag IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	// They ask again when they have waited for too long, so that the pool is exhausted for as long as the test takes.
	var stuck sync.WaitGroup
	var unlocked atomic.Bool
	for range 16 {
		stuck.Go(func() {
			for !unlocked.Load() {
				p.ask("GET", "/api/bags", nil)
			}
		})
	}
	eventually(t, "the log tells of the pool", func() bool { return strings.Contains(p.log.String(), "Pool usage 100%, danger") }, p.log)
	eventually(t, "the health is degraded", func() bool { return strings.Contains(p.ask("GET", "/healthz", nil).text, "degraded") }, p.log)

	p.healthIsQuick()
	p.opensNoMore(5 + besideConns)
	quickest := time.Hour
	for range 3 {
		a := p.ask("GET", "/pool_dashboard", nil)
		if quickest = min(quickest, a.took); a.StatusCode != http.StatusOK || !strings.Contains(a.text, "pool-now--danger") {
			t.Errorf("the page: %d %.300s", a.StatusCode, a.text)
		}
	}
	if quickest > 5*time.Second {
		t.Errorf("the page took %s", quickest)
	}
	if a := p.ask("GET", "/api/pool", nil); !strings.Contains(a.text, `"in_use":5`) || !strings.Contains(a.text, `"overflow":2`) || !strings.Contains(a.text, `"band":"danger"`) {
		t.Errorf("/api/pool: %d %s", a.StatusCode, a.text)
	}
	if told := strings.Count(p.log.String(), "Pool usage 100%, danger"); told != 1 {
		t.Errorf("the same band was told %d times within its cooldown", told)
	}
	unlocked.Store(true)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	stuck.Wait()
	eventually(t, "the log tells that the pool is healthy again", func() bool { return strings.Contains(p.log.String(), "%, healthy: ") }, p.log)
	p.toldOfThePool(office)
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "%, healthy: ") && strings.Contains(strings.ToLower(line), "error") {
			t.Errorf("a healthy line says error: %s", line)
		}
	}
}

// healthIsQuick holds that /healthz says that the pool is exhausted, and takes under a millisecond for it: half of what is asked comes
// back within that, the way there and back included. Where the machine is too slow for that, /health is the measure, which touches
// nothing: half of the answers come as soon as its own, or nearly.
func (r *running) healthIsQuick() {
	r.t.Helper()
	var took, nothing []time.Duration
	otherwise := 0 // a busy machine may hold the prober up for as long as makes the database away
	for range 400 {
		nothing = append(nothing, r.ask("GET", "/health", nil).took)
		a := r.ask("GET", "/healthz", nil)
		took = append(took, a.took)
		if a.StatusCode != http.StatusOK || !strings.Contains(a.text, `"status":"degraded"`) || !strings.Contains(a.text, `"database":"exhausted"`) {
			r.t.Logf("/healthz: %d %s", a.StatusCode, a.text)
			otherwise++
		}
	}
	if otherwise > 100 {
		r.t.Errorf("%d of 400 answers of /healthz did not say that the database is exhausted", otherwise)
	}
	slices.Sort(took)
	slices.Sort(nothing)
	median, measure := took[200], nothing[200]
	r.t.Logf("half of the answers of /healthz within %s, of /health within %s", median, measure)
	if median > time.Millisecond && median > 2*measure {
		r.t.Errorf("half of the answers of /healthz took longer than %s, and of /health longer than %s", median, measure)
	}
}

// opensNoMore holds how many connections the program has to its database, the test's own left out.
func (r *running) opensNoMore(most int) {
	r.t.Helper()
	var open int
	err := r.db.Pool().QueryRow(r.t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'").Scan(&open)
	if err != nil {
		r.t.Fatal(err)
	}
	if open -= int(r.db.Pool().Stat().TotalConns()); open > most || open <= 5 {
		r.t.Errorf("%d connections are open, and %d are said to be the most", open, most)
	}
}

// toldOfThePool holds that each band was told once, by a notice and by a mail alike, and its end by neither.
func (r *running) toldOfThePool(office *mailtest.Office) {
	r.t.Helper()
	a := r.ask("GET", "/api/notifications", nil)
	var list struct {
		Items []struct{ Kind, Message, Link string }
	}
	if err := json.Unmarshal([]byte(a.text), &list); err != nil || a.StatusCode != http.StatusOK {
		r.t.Fatalf("the notices: %d %s: %v", a.StatusCode, a.text, err)
	}
	danger := 0
	for _, n := range list.Items {
		if n.Kind != "pool_alert" || n.Link != "/pool_dashboard" || strings.Contains(n.Message, "healthy") {
			r.t.Errorf("a notice: %+v", n)
		}
		if strings.HasPrefix(n.Message, "Pool usage 100%, danger: 5 of 5 connections are in use") {
			danger++
		}
	}
	eventually(r.t, "each notice is mailed as well", func() bool { return len(office.Letters()) >= len(list.Items) }, r.log)
	letters := office.Letters()
	if danger != 1 || len(letters) != len(list.Items) {
		r.t.Errorf("%d notices of the danger, %d in all, and %d mails", danger, len(list.Items), len(letters))
	}
	for _, l := range letters {
		if l.To != "operator@example.org" || !strings.Contains(l.Data, "Subject: Pool usage ") || !strings.Contains(l.Data, "http://bags.example.org/pool_dashboard") {
			r.t.Errorf("a mail: %+v", l)
		}
	}
}

func (r *running) exec(sql string) {
	r.t.Helper()
	if _, err := r.db.Pool().Exec(r.t.Context(), sql); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}
