package server

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pg"
	"traitortrack/internal/redisdb"
	"traitortrack/migrations"
)

// What /healthz may say of the whole.
const (
	Ready    = "ready"
	Degraded = "degraded"    // the system works, or will in a moment
	Down     = "unavailable" // send requests elsewhere
)

// Health is what the prober saw: the whole, and each part in a word.
type Health struct {
	Status string `json:"status"`
	Checks Checks `json:"checks"`
}

// Checks are the parts of a Health. Each is "ok", or a word for what is wrong with it.
type Checks struct {
	Database string `json:"database"`
	Redis    string `json:"redis"`
	Schema   string `json:"schema"`
	Server   string `json:"server,omitempty"`
}

// The prober's clockwork: a round every probePeriod, each part within its budget, so that a hanging part is known within
// the second. What is older than staleAfter is not believed.
const (
	probePeriod    = 500 * time.Millisecond
	databaseBudget = 600 * time.Millisecond
	redisBudget    = 250 * time.Millisecond
	staleAfter     = 3 * time.Second
)

// Prober watches PostgreSQL, the schema and Redis in the background, on a connection of its own, so that a health check
// costs no query and answers even when they hang.
type Prober struct {
	url      string
	db       *pg.DB
	redis    *redisdb.DB
	now      func() time.Time
	last     atomic.Pointer[observation]
	draining atomic.Bool
}

type observation struct {
	at     time.Time
	checks Checks
}

// NewProber makes a prober of the PostgreSQL at url, the pool on it, and Redis (nil where none is configured).
func NewProber(url string, db *pg.DB, redis *redisdb.DB, now func() time.Time) *Prober {
	return &Prober{url: url, db: db, redis: redis, now: now}
}

// Drain makes the health unavailable from now on, so that load balancers send nothing new.
func (p *Prober) Drain() { p.draining.Store(true) }

// Run probes until ctx ends.
func (p *Prober) Run(ctx context.Context) error {
	ticker := time.NewTicker(probePeriod)
	defer ticker.Stop()
	var conn *pgx.Conn
	defer func() { hangUp(conn) }()
	for {
		conn = p.probe(ctx, conn)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Health gives the last state seen. One that is too old to be believed counts as a database that is away.
func (p *Prober) Health() Health {
	seen := p.last.Load()
	if seen == nil || p.now().Sub(seen.at) > staleAfter {
		seen = &observation{checks: Checks{Database: "unknown", Redis: "unknown", Schema: "unknown"}}
	}
	checks := seen.checks
	if p.draining.Load() {
		checks.Server = "draining"
	}
	return Health{Status: judge(checks), Checks: checks}
}

// judge decides what the parts mean for the whole.
func judge(c Checks) string {
	switch {
	case c.Server != "", c.Schema != "ok", c.Database != "ok" && c.Database != "exhausted":
		return Down
	case c.Database == "exhausted", c.Redis == "away":
		return Degraded
	default:
		return Ready
	}
}

// probe looks once, and gives the connection for the next look, nil when it broke.
func (p *Prober) probe(ctx context.Context, conn *pgx.Conn) *pgx.Conn {
	checks := Checks{Redis: p.probeRedis(ctx)}
	conn, checks.Database, checks.Schema = p.probeDatabase(ctx, conn)
	if stat := p.db.Pool().Stat(); checks.Database == "ok" && stat.AcquiredConns() >= stat.MaxConns() {
		checks.Database = "exhausted"
	}
	p.last.Store(&observation{at: p.now(), checks: checks})
	return conn
}

func (p *Prober) probeDatabase(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, string, string) {
	ctx, cancel := context.WithTimeout(ctx, databaseBudget)
	defer cancel()
	if conn == nil || conn.IsClosed() {
		fresh, err := pgx.Connect(ctx, p.url)
		if err != nil {
			return nil, "away", "unknown"
		}
		conn = fresh
	}
	err := migrations.Check(ctx, conn)
	if err == nil {
		return conn, "ok", "ok"
	}
	if conn.Ping(ctx) == nil {
		return conn, "ok", "wrong"
	}
	hangUp(conn)
	return nil, "away", "unknown"
}

func (p *Prober) probeRedis(ctx context.Context) string {
	if p.redis == nil {
		return "not configured"
	}
	ctx, cancel := context.WithTimeout(ctx, redisBudget)
	defer cancel()
	if p.redis.Ping(ctx) != nil {
		return "away"
	}
	return "ok"
}

func hangUp(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), redisBudget)
	defer cancel()
	_ = conn.Close(ctx) // it is given up either way
}
