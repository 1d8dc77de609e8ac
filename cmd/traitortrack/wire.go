package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/config"
	"traitortrack/internal/errs"
	"traitortrack/internal/jobs"
	"traitortrack/internal/obs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/report"
	"traitortrack/internal/server"
	"traitortrack/internal/session"
	"traitortrack/web"
)

// orgTTL is how old an organization's time zone and formats may be.
const orgTTL = 5 * time.Second

// minConns of the pool stay open, so that the first scan after a pause does not wait for one.
const minConns = 2

// program is everything that runs, built from the lowest floor up.
type program struct {
	config  config.Config
	log     *obs.Log
	metrics *obs.Metrics
	db      *pg.DB
	direct  *pg.DB      // past any pooler, for the jobs
	redis   *redisdb.DB // nil where none is configured
	counts  *redisdb.DB // the Redis that counts requests: the same, unless another is configured
	stores
	sessions *session.Sessions
	gate     *org.Gate
	watch    *org.Watch
	prober   *server.Prober
	server   *server.Server
	sealer   *audit.Sealer // nil where there is no key to seal with
	jobs     *jobs.Runner
}

// stores have the verbs.
type stores struct {
	orgs     *org.Store
	accounts *account.Store
	bags     *bag.Store
	bills    *bill.Store
	reports  *report.Store
}

// wire builds the program. It is the map: what stands on what can be read here from top to bottom.
func wire(ctx context.Context, c config.Config, w *world) (*program, error) {
	p := &program{config: c}
	var err error
	if p.log, err = openLog(c, w); err != nil {
		return nil, err
	}
	p.metrics = obs.NewMetrics()
	statements := obs.NewStatements(p.log.Logger, p.metrics, time.Now)
	if p.db, err = pg.Open(ctx, pg.Options{URL: c.DatabaseURL, MinConns: minConns, MaxConns: c.MaxConns(), Tracer: statements}); err != nil {
		return nil, err
	}
	if p.redis, err = redisdb.Open(c.RedisURL); err != nil {
		return nil, err
	}
	if p.counts, err = openCounts(c, p.redis); err != nil {
		return nil, err
	}
	p.stores = wireStores(p.db, c.CacheTTL(), time.Now)
	if err := p.wireJobs(ctx); err != nil {
		return nil, err
	}
	p.accounts.RequireAdmin2FA = c.RequireAdmin2FA
	if p.accounts.Keys, err = account.NewKeyring(c.SecretKey, c.SecretKeyOld...); err != nil {
		return nil, err
	}
	p.sessions = session.NewSessions(p.db, p.redis, time.Now)
	p.sessions.Secure = c.Secure()
	p.gate = org.NewGate(p.db, org.GateOptions{Cached: c.BillingCacheEnabled, TTL: c.BillingGateCacheTTL(), Now: time.Now,
		Observe: watchGate(p.metrics)})
	p.watch = org.NewWatch(c.DatabaseDirectURL, p.redis, p.gate.Forget, p.orgs.Forget)
	p.prober = server.NewProber(c.DatabaseURL, p.db, p.redis, time.Now)
	limits := ratelimit.New(p.counts, limitOptions(c, p.metrics))
	watchLimits(p.metrics, limits)
	p.server, err = server.New(server.Deps{
		DB: p.db, Orgs: p.orgs, Accounts: p.accounts, Bags: p.bags, Bills: p.bills, Reports: p.reports, Sessions: p.sessions, Prober: p.prober,
		Gate: p.gate, Limits: limits,
		Templates: web.Templates, Dist: web.Dist, Log: p.log.Logger, Now: time.Now, TrustedProxies: c.TrustedProxies,
		AnonymizeAddresses: c.AnonymizeAuditLogs,
		Requests:           obs.NewRequests(p.log.Logger, p.metrics, time.Now),
	})
	return p, err
}

// directConns are the connections of the jobs: as many as jobs run at a time, and those that listen.
const directConns = 6

func (p *program) wireJobs(ctx context.Context) error {
	var err error
	if p.direct, err = pg.Open(ctx, pg.Options{URL: p.config.DatabaseDirectURL, MaxConns: directConns}); err != nil {
		return err
	}
	if p.sealer, err = wireSealer(p.config, p.direct, p.log.Logger); err != nil {
		return err
	}
	p.jobs, err = jobs.NewRunner(jobs.Deps{DB: p.direct, Sealer: p.sealer, Reports: p.reports, Log: p.log.Logger, Now: time.Now})
	return err
}

func wireStores(db *pg.DB, statsTTL time.Duration, now func() time.Time) stores {
	orgs := org.NewStore(db, orgTTL, now)
	return stores{orgs: orgs, accounts: account.NewStore(db, now), bags: bag.NewStore(db, orgs, now), bills: bill.NewStore(db, orgs, now),
		reports: report.NewStore(db, orgs, statsTTL, now)}
}

func openLog(c config.Config, w *world) (*obs.Log, error) {
	return obs.OpenLog(obs.LogOptions{Level: slog.Level(c.LogLevel), Format: c.LogFormat, File: c.LogFile, Out: w.out})
}

// openCounts opens the Redis that counts requests.
func openCounts(c config.Config, sessions *redisdb.DB) (*redisdb.DB, error) {
	if c.RateLimitStorageURI == c.RedisURL {
		return sessions, nil
	}
	return redisdb.Open(c.RateLimitStorageURI)
}

func limitOptions(c config.Config, m *obs.Metrics) ratelimit.Options {
	asked := m.Counter("traitortrack_rate_limit_total",
		"Requests held against a limit, by class: allowed, limited, and besides fallback where they were counted in memory.", "class", "outcome")
	return ratelimit.Options{Login: ratelimit.Rate(c.RateLimitLogin), API: ratelimit.Rate(c.RateLimitAPI),
		Default: ratelimit.Rate(c.RateLimitDefault), Exempt: c.RateLimitExempt,
		Observe: func(class ratelimit.Class, outcome ratelimit.Outcome) { asked(string(class), string(outcome)) }}
}

// watchLimits shows whether the Redis of the limits answers. One that was never configured is no fault.
func watchLimits(m *obs.Metrics, l *ratelimit.Limits) {
	m.Gauge("traitortrack_rate_limit_backend_up", "1 while the limits' Redis answers, or none is configured; 0 while they are counted in memory for want of it.", func() float64 {
		if l.State() == redisdb.Away {
			return 0
		}
		return 1
	})
}

func watchGate(m *obs.Metrics) func(org.State) {
	asked := m.Counter("traitortrack_billing_gate_cache_state_total", "Questions to the billing gate, by where the answer came from.", "state")
	return func(s org.State) { asked(string(s)) }
}

// close lets go of everything, the last built first.
func (p *program) close() error {
	p.db.Close()
	if p.counts != p.redis {
		_ = p.counts.Close() // it held nothing that outlives us
	}
	return errors.Join(p.redis.Close(), p.log.Close())
}

// openDatabase opens the configured database for a command that is done in a moment, and hands it on.
func openDatabase(ctx context.Context, w *world, do func(config.Config, *pg.DB) error) error {
	c, err := config.Load(w.environment)
	if err != nil {
		return err
	}
	db, err := pg.Open(ctx, pg.Options{URL: c.DatabaseDirectURL, MaxConns: minConns})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Pool().Ping(ctx); err != nil {
		return fmt.Errorf("the database does not answer: %w\nCheck DATABASE_URL, and that PostgreSQL runs; traitortrack doctor looks closer", err)
	}
	return do(c, db)
}

// plain gives a refusal's sentence, without the code that is for programs.
func plain(err error) error {
	if refusal := errs.As(err); refusal != nil && refusal.Kind != errs.Unavailable {
		return errors.New(refusal.Message)
	}
	return err
}
