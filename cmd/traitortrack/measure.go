package main

import (
	"context"
	"time"

	"traitortrack/internal/health"
	"traitortrack/internal/jobs"
	"traitortrack/internal/obs"
	"traitortrack/internal/org"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/redisdb"
)

// measure has every part show what it does among the numbers. What a part shows stands in its own file measure.go.
func (p *program) measure(limits *ratelimit.Limits) {
	p.db.Measure(p.metrics, "primary", p.config.PoolSize)
	p.direct.Measure(p.metrics, "direct", directConns)
	p.redis.Measure(p.metrics, "main")
	if p.counts != p.redis {
		p.counts.Measure(p.metrics, "limits")
	}
	p.orgs.Measure(p.metrics)
	p.accounts.Measure(p.metrics)
	p.bags.Measure(p.metrics)
	p.reports.Measure(p.metrics)
	p.sessions.Measure(p.metrics)
	p.jobs.Measure(p.metrics)
	p.metrics.Gauge("traitortrack_rate_limit_backend_up", "1 while the limits' Redis answers, or none is configured; 0 while they are counted in memory for want of it.", func() float64 {
		if limits.State() == redisdb.Away {
			return 0
		}
		return 1
	})
}

// healthSources say where the health of the system is read from.
func (p *program) healthSources(limits *ratelimit.Limits) health.Sources {
	s := health.Sources{DB: p.db, Read: p.metrics.Read, Session: p.redis.State, Limits: limits.State, Now: time.Now, Bounds: health.Runbook(),
		Backlog: func(ctx context.Context) (int64, time.Duration, error) {
			b, err := p.jobs.Backlog(ctx)
			return b.Waiting, b.Oldest, err
		}}
	if p.sealer != nil {
		s.SealLag = p.sealer.Lag
	}
	return s
}

func countLimits(m *obs.Metrics) func(ratelimit.Class, ratelimit.Outcome) {
	asked := m.Counter("traitortrack_rate_limit_total",
		"Requests held against a limit, by class: allowed, limited, and besides fallback where they were counted in memory.",
		obs.Words("class", ratelimit.LoginAddress, ratelimit.LoginName, ratelimit.Reset, ratelimit.TOTP, ratelimit.API, ratelimit.Default),
		obs.Words("outcome", ratelimit.Allowed, ratelimit.Limited, ratelimit.Fallback))
	return func(class ratelimit.Class, outcome ratelimit.Outcome) { asked(string(class), string(outcome)) }
}

func countGate(m *obs.Metrics) func(org.State) {
	asked := m.Counter("traitortrack_billing_gate_cache_state_total", "Questions to the billing gate, by where the answer came from.",
		obs.Words("state", org.Hit, org.Miss, org.Stale, org.Error, org.Bypass))
	return func(s org.State) { asked(string(s)) }
}

func countMails(m *obs.Metrics) func(jobs.Mailed) {
	tried := m.Counter("traitortrack_mails_total", "Tries to send a mail, by what became of it: sent, failed (it is tried again), hopeless, needless or off.",
		obs.Words("outcome", jobs.MailSent, jobs.MailFailed, jobs.MailHopeless, jobs.MailNeedless, jobs.MailOff))
	return func(outcome jobs.Mailed) { tried(string(outcome)) }
}
