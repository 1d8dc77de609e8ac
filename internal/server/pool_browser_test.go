package server_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pool"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// TestPoolDashboardFollows watches the pool fill up, band by band, on a page that nobody loads again.
func TestPoolDashboardFollows(t *testing.T) {
	t.Parallel()
	g := newGauge()
	w, b := browse(t, func(d *server.Deps, _ *redisdb.DB) { d.Pool, d.Backends = g.Watch, pool.NewBackends(d.DB, 0) })
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	g.climb(t, 12)
	b.logIn("admin"+w.name(), "/dashboard")
	b.open("/pool_dashboard")
	for _, band := range []struct {
		name  string
		inUse int
	}{{"Healthy", 12}, {"Warning", 30}, {"Critical", 35}, {"Danger", 39}} {
		if band.name == "Danger" {
			if _, err := conn.Exec(t.Context(), "BEGIN; SELECT count(*) FROM bag WHERE org_id = 1 AND code LIKE '%0042'"); err != nil {
				t.Fatal(err)
			}
		}
		g.climb(t, band.inUse)
		b.until("the band "+band.name, "document.querySelector('.pool-now__word')?.innerText.trim() === '"+band.name+"'")
		b.shoot("pool-" + band.name)
	}
	stop := fmt.Sprintf("#stop-%d", conn.PgConn().PID())
	b.until("the transaction that waits is listed", "document.querySelector('"+stop+"')?.closest('tr').querySelector('.badge--bad')?.innerText.includes('idle in transaction')")
	b.eval("(document.querySelector('#pool-backends').scrollIntoView(), 0)")
	b.shoot("pool-backends")
	b.eval("document.querySelector('" + stop + "').click()") // at once: the list is painted anew every other second
	b.until("the question", "document.querySelector('h1').innerText.startsWith('Stop backend')")
	b.shoot("pool-stop")
}
