package server

import (
	"context"
	"errors"
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
	poolerBudget   = 400 * time.Millisecond
	redisBudget    = 250 * time.Millisecond
	staleAfter     = 3 * time.Second
)

// Prober watches PostgreSQL, a pooler before it, the schema and Redis in the background, on connections of its own, so that
// a health check costs no query and answers even when they hang.
type Prober struct {
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

// NewProber makes a prober of PostgreSQL, the pool on it, and Redis (nil where none is configured).
func NewProber(db *pg.DB, redis *redisdb.DB, now func() time.Time) *Prober {
	return &Prober{db: db, redis: redis, now: now}
}

// Drain makes the health unavailable from now on, so that load balancers send nothing new.
func (p *Prober) Drain() { p.draining.Store(true) }

// Draining reports whether the server is stopping.
func (p *Prober) Draining() bool { return p.draining.Load() }

// Run probes until ctx ends.
func (p *Prober) Run(ctx context.Context) error {
	ticker := time.NewTicker(probePeriod)
	defer ticker.Stop()
	var l lines
	defer func() { hangUp(l.direct); hangUp(l.pooled) }()
	for {
		l = p.probe(ctx, l)
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
	if p.Draining() {
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

// lines are the prober's connections, each nil while there is none: past any pooler, and through it where there is one.
type lines struct{ direct, pooled *pgx.Conn }

// probe looks once, and gives the connections for the next look.
func (p *Prober) probe(ctx context.Context, l lines) lines {
	checks := Checks{Redis: p.probeRedis(ctx)}
	l.direct, checks.Database, checks.Schema = p.probeDatabase(pg.Reserved(ctx), l.direct)
	if checks.Database == "ok" && p.db.Pooled() {
		l.pooled, checks.Database = p.probePooler(ctx, l.pooled)
	}
	if stat := p.db.Pool().Stat(); checks.Database == "ok" && stat.AcquiredConns() >= stat.MaxConns() {
		checks.Database = "exhausted"
	}
	p.last.Store(&observation{at: p.now(), checks: checks})
	return l
}

func (p *Prober) probeDatabase(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, string, string) {
	ctx, cancel := context.WithTimeout(ctx, databaseBudget)
	defer cancel()
	conn, err := p.redial(ctx, conn)
	if err != nil {
		return nil, "away", "unknown"
	}
	err = migrations.Check(ctx, conn)
	if err == nil || errors.Is(err, migrations.ErrNewer) { // the next version is being deployed: its schema still serves this one
		return conn, "ok", "ok"
	}
	if conn.Ping(ctx) == nil {
		return conn, "ok", "wrong"
	}
	hangUp(conn)
	return nil, "away", "unknown"
}

// probePooler looks whether requests reach a database that is there. A pooler that lets us in and then has us wait has no
// connection to spare: it is exhausted, and will have one in a moment. One that does not let us in is away.
func (p *Prober) probePooler(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, string) {
	ctx, cancel := context.WithTimeout(ctx, poolerBudget)
	defer cancel()
	conn, err := p.redial(ctx, conn)
	if err != nil {
		return nil, "away"
	}
	if err = conn.Ping(ctx); err == nil {
		return conn, "ok"
	}
	hangUp(conn)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, "exhausted"
	}
	return nil, "away"
}

// redial gives the connection, or a new one where it is gone.
func (p *Prober) redial(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, error) {
	if conn != nil && !conn.IsClosed() {
		return conn, nil
	}
	return p.db.Dial(ctx)
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
