// Package report has the numbers of the whole warehouse and the way to any of its things: statistics, the dashboard, and
// the search box. It only reads, and what it reads stays as cheap as the warehouse grows: sums over the tally, and ranges
// of indexes.
package report

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"traitortrack/internal/obs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/tally"
)

// Store answers questions about a whole organization.
type Store struct {
	db     *pg.DB
	orgs   *org.Store
	ttl    time.Duration
	now    func() time.Time
	step   int32 // rows that a statement of Prove counts
	mu     sync.RWMutex
	stats  map[int64]Stats
	flight singleflight.Group
	count  obs.CacheCount
}

// Measure shows the kept statistics among the numbers.
func (s *Store) Measure(m *obs.Metrics) {
	m.Cache("statistics", &s.count, func() int {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return len(s.stats)
	})
}

// NewStore makes a store whose statistics are at most ttl old.
func NewStore(db *pg.DB, orgs *org.Store, ttl time.Duration, now func() time.Time) *Store {
	return &Store{db: db, orgs: orgs, ttl: ttl, now: now, step: step, stats: map[int64]Stats{}}
}

// Stats are the statistics of an organization, as the API gives them.
type Stats struct {
	Bags        Bags      `json:"bags"`
	Links       int64     `json:"links"` // children that are in a parent
	Bills       Bills     `json:"bills"`
	Scans       Scans     `json:"scans"`
	ActiveUsers int64     `json:"active_users"` // people with a session that was used within activeWithin
	GeneratedAt time.Time `json:"generated_at"`
}

// Bags counts bags.
type Bags struct {
	Total    int64 `json:"total"`
	Parents  int64 `json:"parents"`
	Children int64 `json:"children"`
}

// Bills counts bills by status.
type Bills struct {
	Total      int64 `json:"total"`
	New        int64 `json:"new"`
	Processing int64 `json:"processing"`
	Completed  int64 `json:"completed"`
}

// Scans counts scans, accepted, duplicate and refused ones. The last day begins with the quarter of an hour that holds
// the moment 24 hours ago.
type Scans struct {
	Total   int64 `json:"total"`
	LastDay int64 `json:"last_24h"`
}

// activeWithin is how recently a session was used by somebody who counts as active. A page that only listens to live events
// uses none.
const activeWithin = 15 * time.Minute

// readTimeout bounds a read that others wait for, too.
const readTimeout = 10 * time.Second

// Stats gives an organization's statistics, at most the store's ttl old. However many ask, one reads.
func (s *Store) Stats(ctx context.Context, orgID int64) (Stats, error) {
	kept, ok := s.fresh(orgID)
	s.count.Asked(ok)
	if ok {
		return kept, nil
	}
	answer := s.flight.DoChan(strconv.FormatInt(orgID, 10), func() (any, error) {
		if kept, ok := s.fresh(orgID); ok {
			return kept, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout) // others wait, even when this caller goes away
		defer cancel()
		read, err := s.readStats(ctx, orgID)
		if err == nil {
			s.mu.Lock()
			s.stats[orgID] = read
			s.mu.Unlock()
		}
		return read, err
	})
	select {
	case r := <-answer:
		read, _ := r.Val.(Stats)
		return read, r.Err
	case <-ctx.Done():
		return Stats{}, fmt.Errorf("wait for the statistics of organization %d: %w", orgID, ctx.Err())
	}
}

func (s *Store) fresh(orgID int64) (Stats, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	kept, ok := s.stats[orgID]
	return kept, ok && s.now().Sub(kept.GeneratedAt) < s.ttl
}

func (s *Store) readStats(ctx context.Context, orgID int64) (Stats, error) {
	now := s.now().UTC()
	q := New(s.db.For(ctx))
	t, err := q.totals(ctx, totalsParams{OrgID: orgID, LastDay: dayAgo(now), Today: now})
	if err != nil {
		return Stats{}, pg.Refusal(fmt.Errorf("totals of organization %d: %w", orgID, err))
	}
	active, err := q.activeUsers(ctx, activeUsersParams{OrgID: orgID, Since: now.Add(-activeWithin), Now: now})
	if err != nil {
		return Stats{}, pg.Refusal(fmt.Errorf("active users of organization %d: %w", orgID, err))
	}
	stats := t.stats()
	stats.ActiveUsers, stats.GeneratedAt = active, now
	return stats, nil
}

// dayAgo is the quarter in which the last 24 hours began.
func dayAgo(now time.Time) time.Time { return now.UTC().Add(-24 * time.Hour).Truncate(tally.Quarter) }

func (t totalsRow) stats() Stats {
	return Stats{
		Bags:  Bags{Total: t.Parents + t.Children, Parents: t.Parents, Children: t.Children},
		Links: t.Links,
		Bills: Bills{Total: t.BillsNew + t.BillsProcessing + t.BillsCompleted, New: t.BillsNew, Processing: t.BillsProcessing, Completed: t.BillsCompleted},
		Scans: Scans{Total: t.Scans, LastDay: t.ScansLastDay},
	}
}
