package org

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"traitortrack/internal/pg"
)

// State says where an answer of the gate comes from. It stands in the log and in the metrics.
type State string

// The states.
const (
	Hit    State = "hit"    // from the cache
	Miss   State = "miss"   // read
	Stale  State = "stale"  // it could not be read: the last one known
	Error  State = "error"  // it could not be read, and nothing is known that is young enough
	Bypass State = "bypass" // read, because the cache is off
)

// What the gate does when the database is away: the last known answer for staleFor, then reads pass and writes stop. After a
// read that failed it waits for retryAfter.
const (
	staleFor    = 10 * time.Minute
	retryAfter  = time.Second
	gateBudget  = 2 * time.Second // for one read
	gateTTL     = 45 * time.Second
	jitterParts = 10 // up to a tenth of the TTL is taken off, so that organizations are not read all at once
)

// GateOptions say how the gate remembers. The zero value does not.
type GateOptions struct {
	Cached  bool
	TTL     time.Duration // 45 seconds where it is zero
	Now     func() time.Time
	Observe func(State) // nil for nobody
}

// Gate answers what an organization's people may do, from a cache in front of the database. It is safe for concurrent use.
type Gate struct {
	o       GateOptions
	read    func(context.Context, int64) (billed, error)
	mu      sync.RWMutex
	kept    map[int64]*known
	forgets atomic.Uint64 // how often something was forgotten: a read that began before is not kept
	flight  singleflight.Group
}

// known is the last that was read of an organization. A failed read leaves the one before. It is not changed once it is
// kept.
type known struct {
	terms
	seen   time.Time // when the billing was read, zero if never
	until  time.Time // when it is to be read again
	failed bool      // whether the last read failed
}

// NewGate makes a gate before the billing of a database's organizations.
func NewGate(db *pg.DB, o GateOptions) *Gate {
	return newGate(o, func(ctx context.Context, orgID int64) (billed, error) {
		return readBilling(ctx, New(db.For(ctx)), orgID)
	})
}

func newGate(o GateOptions, read func(context.Context, int64) (billed, error)) *Gate {
	if o.TTL == 0 {
		o.TTL = gateTTL
	}
	if o.Observe == nil {
		o.Observe = func(State) {}
	}
	return &Gate{o: o, read: read, kept: map[int64]*known{}}
}

// Ask gives what an organization's people may do now. It always gives an answer; the state says how far to trust it.
func (g *Gate) Ask(ctx context.Context, orgID int64) (Access, State) {
	access, state := g.ask(ctx, orgID)
	g.o.Observe(state)
	return access, state
}

func (g *Gate) ask(ctx context.Context, orgID int64) (Access, State) {
	now := g.o.Now()
	if k := g.last(orgID); g.o.Cached && k != nil && now.Before(k.until) {
		return k.answer(now, Hit)
	}
	read := g.load(ctx, orgID)
	if !g.o.Cached && !read.failed {
		return read.answer(now, Bypass)
	}
	return read.answer(now, Miss)
}

// answer decides by what is known. The state is that of a read that did not fail.
func (k *known) answer(now time.Time, state State) (Access, State) {
	switch {
	case !k.failed:
		return k.at(now), state
	case !k.seen.IsZero() && now.Sub(k.seen) < staleFor:
		return k.at(now), Stale
	default:
		return Access{Read: true}, Error
	}
}

// last gives what is known of an organization, or nil.
func (g *Gate) last(orgID int64) *known {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.kept[orgID]
}

// load reads an organization's billing: once for all who ask at the same time, and anew for who asks after a change.
func (g *Gate) load(ctx context.Context, orgID int64) *known {
	forgets := g.forgets.Load()
	loaded := g.flight.DoChan(fmt.Sprint(orgID, "/", forgets, "/", pg.IsReserved(ctx)), func() (any, error) {
		if k := g.last(orgID); g.o.Cached && k != nil && g.o.Now().Before(k.until) {
			return k, nil // somebody was faster
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gateBudget) // the others wait even if this one goes away
		defer cancel()
		b, err := g.read(ctx, orgID)
		return g.keep(orgID, b, err, forgets), nil
	})
	select {
	case r := <-loaded:
		k, _ := r.Val.(*known)
		return k
	case <-ctx.Done():
		return &known{failed: true}
	}
}

// keep remembers how a read went. What was read before something was forgotten is to be read again.
func (g *Gate) keep(orgID int64, b billed, err error, forgets uint64) *known {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	var k known
	switch old := g.kept[orgID]; {
	case err == nil:
		k = known{terms: b.terms(b.location), seen: now, until: now.Add(g.o.TTL - rand.N(g.o.TTL/jitterParts))} //nolint:gosec // nobody gains by guessing a pause
	case old != nil:
		k = known{terms: old.terms, seen: old.seen, until: now.Add(retryAfter), failed: true}
	default:
		k = known{until: now.Add(retryAfter), failed: true}
	}
	if g.forgets.Load() != forgets {
		k.until = now
	}
	g.kept[orgID] = &k
	return &k
}

// Forget makes the next question about an organization read, or with 0 the next about any. What was known stays for when
// that fails.
func (g *Gate) Forget(orgID int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgets.Add(1)
	for id, k := range g.kept {
		if id == orgID || orgID == 0 {
			forgotten := *k
			forgotten.until = time.Time{}
			g.kept[id] = &forgotten
		}
	}
}
