package server_test

import (
	"encoding/csv"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/obs"
	"traitortrack/internal/pool"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// gauge is a pool whose usage a test sets, watched through the numbers as the real one is.
type gauge struct {
	*pool.Watch
	inUse atomic.Int64
	at    time.Time
}

func newGauge() *gauge {
	g := &gauge{at: time.Now().Add(-10 * time.Minute).Truncate(time.Second)}
	m := obs.NewMetrics()
	m.DatabasePool(pool.Primary, func() obs.PoolStats {
		n := int(g.inUse.Load())
		return obs.PoolStats{InUse: n, Idle: max(0, 25-n), Max: 40, Size: 25, Waits: int64(max(0, n-37)), Waited: time.Duration(max(0, n-37)) * time.Second}
	})
	m.DatabasePool("direct", func() obs.PoolStats { return obs.PoolStats{InUse: 2, Idle: 1, Max: 6, Size: 6} })
	m.DatabasePool("reserve", func() obs.PoolStats { return obs.PoolStats{InUse: 1, Max: 2, Size: 2} })
	g.Watch = pool.NewWatch(pool.Options{Read: m.Read, Now: func() time.Time { return g.at }, Log: slog.New(slog.DiscardHandler)})
	return g
}

// take takes a sample of so many connections in use, two seconds after the one before.
func (g *gauge) take(t *testing.T, inUse ...int) {
	t.Helper()
	for _, n := range inUse {
		g.at = g.at.Add(pool.Every)
		g.inUse.Store(int64(n))
		g.Sample(t.Context())
	}
}

// climb takes ten minutes of samples that end at a usage.
func (g *gauge) climb(t *testing.T, to int) {
	t.Helper()
	for n := range pool.Kept {
		g.take(t, to*(n+40)/(pool.Kept+40)*9/10+n%3+to/10*n/pool.Kept)
	}
	g.take(t, to)
}

func TestPoolDashboard(t *testing.T) {
	t.Parallel()
	g, clock := newGauge(), &hands{at: time.Now()}
	w := start(t, func(d *server.Deps, _ *redisdb.DB) {
		d.Pool, d.Backends, d.Now = g.Watch, pool.NewBackends(d.DB, 0), clock.now
	})
	admin, biller := w.as(t, authz.Admin), w.as(t, authz.Biller)
	if doc := parse(t, admin.page("/pool_dashboard").raw); doc.Find("svg.pool-chart").Length() != 0 || doc.Find(".pool-now").Length() != 1 {
		t.Error("before the first sample the page is not whole")
	}
	g.take(t, 4, 38)
	g.at = g.at.Add(time.Minute) // a gap
	g.take(t, 39, 30)
	clock.advance(2 * time.Second) // a live page is painted at most that often
	a := admin.page("/pool_dashboard")
	doc := parse(t, a.raw)
	line, _ := doc.Find("path.pool-line").Attr("d")
	if a.status != http.StatusOK || doc.Find(".pool-now--warning").Length() != 1 || strings.TrimSpace(doc.Find(".pool-now__number").Text()) != "75 %" || strings.Count(line, "M") != 2 {
		t.Errorf("the page shows %q, and the line %q", doc.Find(".pool-now").Text(), line)
	}
	if got := doc.Find(".facts").First().Text(); !strings.Contains(got, "30 of 40") || !strings.Contains(got, "5 beyond 25") {
		t.Errorf("the numbers: %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(admin.page("/pool_dashboard/samples.csv").raw)).ReadAll()
	if err != nil || len(rows) != 5 || rows[3][1] != "97.5" || rows[3][2] != "danger" {
		t.Errorf("the file: %v, %v", rows, err)
	}
	if a := admin.call("GET", "/api/pool", nil); a.body["usage_percent"] != 75.0 || a.text("band") != "warning" || a.body["overflow"] != 5.0 {
		t.Errorf("by the API: %v", a)
	}
	for _, path := range []string{"/pool_dashboard", "/pool_dashboard/events", "/pool_dashboard/samples.csv", "/api/pool"} {
		biller.want(biller.page(path), http.StatusForbidden, "")
	}
}

// TestStopABackendByThePage follows the way of an admin from the list to a statement that has stopped.
func TestStopABackendByThePage(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64 // each look is two seconds after the one before: a live page is painted at most that often
	w := start(t, func(d *server.Deps, _ *redisdb.DB) {
		d.Backends = pool.NewBackends(d.DB, 0)
		d.Now = func() time.Time { return time.Unix(1_800_000_000+2*clock.Add(1), 0) }
	})
	admin := w.as(t, authz.Admin)
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	ended := make(chan error, 1)
	go func() { _, err := conn.Exec(t.Context(), "SELECT pg_sleep(600)"); ended <- err }()
	var stop string
	eventually(t, func() bool {
		stop, _ = parse(t, admin.page("/pool_dashboard").raw).Find("tr:contains('pg_sleep(600)') a").Attr("href")
		return stop != ""
	})
	doc := parse(t, admin.page(stop).raw)
	began, _ := doc.Find("form[action$='/cancel'] input[name=began]").Attr("value")
	action, _ := doc.Find("form[action$='/cancel']").Attr("action")
	if !strings.Contains(doc.Find("dl").Text(), "pg_sleep(600)") || doc.Find("[role=alert]").Length() != 0 {
		t.Fatalf("asked before stopping %s: %s", stop, doc.Find("main").Text())
	}
	post := func(path, began string) answer {
		return admin.send("POST", path, url.Values{"began": {began}}.Encode(), "application/x-www-form-urlencoded", "text/html")
	}
	if a := post(action, "yesterday"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a time: %v", a)
	}
	if a := post(action, began); a.status != http.StatusSeeOther || a.header.Get("Location") != "/pool_dashboard?done=canceled" {
		t.Errorf("got %v", a)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "57014") {
		t.Errorf("the statement ended with %v", err)
	}
	if a := admin.page("/pool_dashboard?done=canceled"); !strings.Contains(a.raw, "was told to stop") {
		t.Error("the page does not say what was done")
	}
	if a := admin.page("/audit?action=cancel_backend"); a.status != http.StatusOK || !strings.Contains(a.raw, "pg_sleep(?)") || strings.Contains(a.raw, "pg_sleep(600)") {
		t.Errorf("the audit log does not tell of it, or holds its values: %d %s", a.status, parse(t, a.raw).Find("main").Text())
	}
	pid := conn.PgConn().PID()
	if _, err := conn.Exec(t.Context(), "LISTEN test"); err != nil {
		t.Fatal(err)
	}
	warned := parse(t, admin.page(fmt.Sprintf("/pool_dashboard/backends/%d?began=%s", pid, url.QueryEscape(began))).raw)
	if warned.Find("[role=alert]").Length() != 1 {
		t.Error("nobody is warned before ending a connection that listens")
	}
	if a := post(fmt.Sprintf("/pool_dashboard/backends/%d/end", pid), began); a.status != http.StatusSeeOther {
		t.Errorf("end: %v", a)
	}
	if conn.Ping(t.Context()) == nil {
		t.Error("the connection goes on")
	}
}
