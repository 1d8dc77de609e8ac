package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/config"
	"traitortrack/internal/errs"
	"traitortrack/internal/health"
	"traitortrack/internal/jobs"
	"traitortrack/internal/mail"
	"traitortrack/internal/notify"
	"traitortrack/internal/obs"
	"traitortrack/internal/org"
	"traitortrack/internal/people"
	"traitortrack/internal/pg"
	"traitortrack/internal/pool"
	"traitortrack/internal/privacy"
	"traitortrack/internal/promotion"
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

// reserveConns serve whoever looks after the pool while it is exhausted.
const reserveConns = 2

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
	listener *pg.Listener
	watch    *org.Watch
	prober   *server.Prober
	pool     *pool.Watch
	system   *health.Monitor
	server   *server.Server
	sealer   *audit.Sealer // nil where there is no key to seal with
	outbox   *notify.Outbox
	jobs     *jobs.Runner
}

// stores have the verbs.
type stores struct {
	orgs       *org.Store
	accounts   *account.Store
	people     *people.Store
	bags       *bag.Store
	bills      *bill.Store
	reports    *report.Store
	notices    *notify.Store
	promotions *promotion.Store
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
	if p.db, err = openBoth(ctx, c, statements); err != nil {
		return nil, err
	}
	if p.redis, err = redisdb.Open(c.RedisURL); err != nil {
		return nil, err
	}
	if p.counts, err = openCounts(c, p.redis); err != nil {
		return nil, err
	}
	p.stores = wireStores(p.db, c.CacheTTL(), time.Now, bag.Grouped(c.ScanGroups))
	if err := p.wireJobs(ctx); err != nil {
		return nil, err
	}
	p.accounts.RequireAdmin2FA, p.accounts.Outbox = c.RequireAdmin2FA, p.outbox
	if p.accounts.Keys, err = account.NewKeyring(c.SecretKey, c.SecretKeyOld...); err != nil {
		return nil, err
	}
	p.sessions = session.NewSessions(p.db, p.redis, time.Now)
	p.sessions.Secure = c.Secure()
	p.gate = org.NewGate(p.db, org.GateOptions{Cached: c.BillingCacheEnabled, TTL: c.BillingGateCacheTTL(), Now: time.Now,
		Observe: countGate(p.metrics)})
	p.listener = pg.NewListener(c.DatabaseDirectURL)
	p.watch = org.NewWatch(p.listener, p.redis, p.gate.Forget, p.orgs.Forget)
	p.accounts.Hear(p.listener)
	p.prober = server.NewProber(p.db, p.redis, time.Now)
	limits := ratelimit.New(p.counts, limitOptions(c, p.metrics))
	p.measure(limits)
	p.pool = pool.NewWatch(pool.Options{Read: p.metrics.Read, Now: time.Now, Log: p.log.Logger, Tell: p.tellPool})
	p.system = health.NewMonitor(p.healthSources(limits))
	p.system.Measure(p.metrics)
	p.server, err = server.New(server.Deps{
		DB: p.db, Orgs: p.orgs, Accounts: p.accounts, People: p.people, Bags: p.bags, Bills: p.bills, Reports: p.reports, Notices: p.notices, Promotions: p.promotions, Audit: audit.NewLog(p.db), Privacy: privacy.NewStore(p.db, time.Now), Sessions: p.sessions, Prober: p.prober,
		Gate: p.gate, Limits: limits,
		Pool: p.pool, Backends: pool.NewBackends(p.db, pool.Long), System: p.system,
		Templates: web.Templates, Dist: web.Dist, Log: p.log.Logger, Now: time.Now, TrustedProxies: c.TrustedProxies,
		AnonymizeAddresses: c.AnonymizeAuditLogs, BaseURL: c.BaseURL,
		Requests: obs.NewRequests(p.log.Logger, p.metrics, time.Now),
	})
	return p, err
}

// besideConns are the connections that an instance has to the primary besides its pool: the reserve, the jobs' and what tells them of new
// ones, the one that hears of changes, and the prober's. A replica takes one more, to know how far it is behind.
const besideConns = reserveConns + directConns + 3

// openBoth opens the database that requests use, and the replica where one is configured. A pooler stands before the
// first only.
func openBoth(ctx context.Context, c config.Config, tracer pgx.QueryTracer) (*pg.DB, error) {
	db, err := pg.Open(ctx, pg.Options{URL: c.DatabaseURL, DirectURL: c.DatabaseDirectURL, MinConns: minConns, MaxConns: c.MaxConns(), Reserve: reserveConns,
		Pooled: c.Pooled(), Tracer: tracer})
	if err != nil || c.DatabaseReplicaURL == "" {
		return db, err
	}
	if err := db.Follow(ctx, pg.Options{URL: c.DatabaseReplicaURL, MaxConns: c.MaxConns(), Tracer: tracer}); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// directConns are the connections of the jobs: as many as jobs run at a time. The one that listens for new ones is beside them.
const directConns = 6

func (p *program) wireJobs(ctx context.Context) error {
	var err error
	if p.direct, err = pg.Open(ctx, pg.Options{URL: p.config.DatabaseDirectURL, MaxConns: directConns}); err != nil {
		return err
	}
	if p.sealer, err = wireSealer(p.config, p.direct, p.log.Logger); err != nil {
		return err
	}
	sender, err := mail.NewSender(p.config.SMTPURL, p.config.MailFrom)
	if err != nil {
		return err
	}
	if p.outbox, err = notify.NewOutbox(sender.On()); err != nil {
		return err
	}
	archiver, err := wireArchiver(p.config, p.direct, p.log.Logger)
	if err != nil {
		return err
	}
	p.jobs, err = jobs.NewRunner(jobs.Deps{DB: p.direct, Sealer: p.sealer, Archiver: archiver, Reports: p.reports, Mail: sender, BaseURL: p.config.BaseURL,
		Mailed: countMails(p.metrics), Log: p.log.Logger, Now: time.Now})
	return err
}

func wireStores(db *pg.DB, statsTTL time.Duration, now func() time.Time, options ...bag.Option) stores {
	orgs := org.NewStore(db, orgTTL, now)
	accounts := account.NewStore(db, now)
	return stores{orgs: orgs, accounts: accounts, people: people.NewStore(db, accounts, now), bags: bag.NewStore(db, orgs, now, options...), bills: bill.NewStore(db, orgs, now),
		reports: report.NewStore(db, orgs, statsTTL, now), notices: notify.NewStore(db, now), promotions: promotion.NewStore(db, now)}
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
	return ratelimit.Options{Login: ratelimit.Rate(c.RateLimitLogin), API: ratelimit.Rate(c.RateLimitAPI),
		Default: ratelimit.Rate(c.RateLimitDefault), Exempt: c.RateLimitExempt, Observe: countLimits(m)}
}

// close lets go of everything, the last built first.
func (p *program) close() error {
	p.direct.Close()
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
