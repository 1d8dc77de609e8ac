// Package ratelimit counts what callers do, in Redis so that every instance of the program counts together, and in memory
// while Redis is away.
package ratelimit

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-chi/httprate"

	"traitortrack/internal/redisdb"
)

// Rate is how often something may be done: Count times in any Per.
type Rate struct {
	Count int
	Per   time.Duration
}

// Class is what a limit is about. It stands in the keys and in the metrics.
type Class string

// The classes.
const (
	LoginAddress Class = "login-address" // failed logins from one address
	LoginName    Class = "login-name"    // failed logins under one name
	Reset        Class = "reset"         // requests for a new password
	TOTP         Class = "totp"          // codes of the second factor
	API          Class = "api"           // requests of somebody who is logged in
	Default      Class = "default"       // requests from an address without a login
)

// Outcome is what became of one request, for the metrics.
type Outcome string

// The outcomes. A request that was counted in memory is noted as Fallback besides.
const (
	Allowed  Outcome = "allowed"
	Limited  Outcome = "limited"
	Fallback Outcome = "fallback"
)

// Options are the limits. Exempt addresses are never refused: whoever asks the limits asks Exempt first.
type Options struct {
	Login, API, Default Rate
	Exempt              []netip.Prefix
	Observe             func(Class, Outcome) // nil for nobody
}

// Limits are all limits of the program. They are safe for concurrent use.
type Limits struct {
	redis    *redisdb.DB // nil where none is configured
	local    *memory
	rates    map[Class]Rate
	exempt   []netip.Prefix
	observe  func(Class, Outcome)
	awayTill atomic.Int64 // in Unix nanoseconds: until then Redis is not asked
}

// rest is how long Redis is not asked after it did not answer, so that its silence is waited for once.
const rest = time.Second

// New makes the limits. Redis may be nil.
func New(redis *redisdb.DB, o Options) *Limits {
	if o.Observe == nil {
		o.Observe = func(Class, Outcome) {}
	}
	return &Limits{redis: redis, local: newMemory(), exempt: o.Exempt, observe: o.Observe, rates: map[Class]Rate{
		LoginAddress: o.Login, LoginName: o.Login, API: o.API, Default: o.Default,
		Reset: {Count: 5, Per: time.Hour}, TOTP: {Count: 5, Per: time.Minute},
	}}
}

// Standing is how a caller stands with a limit.
type Standing struct {
	Limit     int
	Remaining int
	Reset     time.Time     // the end of the present window
	Limited   bool          // one more is one too many
	Retry     time.Duration // until one more is allowed again; 0 unless Limited
}

// Take counts one, unless that is one too many. What is refused does not count.
func (l *Limits) Take(ctx context.Context, class Class, key string) Standing {
	c := &counter{ctx: ctx, limits: l, class: class, add: 1}
	s := l.weigh(c, key)
	if s.Limited {
		_ = c.IncrementBy(key, c.counts.window, -1) // it never fails: see there
	}
	l.note(c, s)
	return s
}

// Check looks whether one more would be too many, and counts nothing: for what counts only when it fails.
func (l *Limits) Check(ctx context.Context, class Class, key string) Standing {
	c := &counter{ctx: ctx, limits: l, class: class}
	s := l.weigh(c, key)
	l.note(c, s)
	return s
}

// Strike counts one failure, and reports whether it was one too many.
func (l *Limits) Strike(ctx context.Context, class Class, key string) Standing {
	return l.weigh(&counter{ctx: ctx, limits: l, class: class, add: 1}, key)
}

// weigh lets httprate weigh the counts. Each question gets a limiter of its own, since a shared one holds a lock while it
// waits for Redis, and would let everybody wait with it.
func (l *Limits) weigh(c *counter, key string) Standing {
	rate := l.rates[c.class]
	limiter := httprate.NewRateLimiter(rate.Count, rate.Per, httprate.WithLimitCounter(c))
	_, c.counts.used, _ = limiter.Status(key) // the counter never fails
	return judge(rate, c.counts)
}

func (l *Limits) note(c *counter, s Standing) {
	outcome := Allowed
	if s.Limited {
		outcome = Limited
	}
	l.observe(c.class, outcome)
	if c.fellBack {
		l.observe(c.class, Fallback)
	}
}

// Exempt reports whether an address is never refused.
func (l *Limits) Exempt(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(l.exempt, func(p netip.Prefix) bool { return p.Contains(a.Unmap().WithZone("")) })
}

// State tells in a word which backend counts, for the health of the system.
func (l *Limits) State() redisdb.State { return l.redis.State() }

// Untouched gives the standing of somebody of whom nothing was counted, such as an exempt address.
func (l *Limits) Untouched(class Class) Standing {
	rate := l.rates[class]
	return Standing{Limit: rate.Count, Remaining: rate.Count, Reset: time.Now().Add(rate.Per)}
}
