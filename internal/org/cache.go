package org

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"traitortrack/internal/obs"
	"traitortrack/internal/pg"
)

// cache keeps one value per organization for a while. However many ask at once, one of them loads. A failed load is not
// kept, and a value past its time is not given.
type cache[T any] struct {
	ttl    time.Duration
	now    func() time.Time
	mu     sync.RWMutex
	values map[int64]kept[T]
	flight singleflight.Group
	count  obs.CacheCount

	forgets atomic.Uint64 // how often something was forgotten: a load that began before is not kept
}

type kept[T any] struct {
	value T
	until time.Time
}

func newCache[T any](ttl time.Duration, now func() time.Time) *cache[T] {
	return &cache[T]{ttl: ttl, now: now, values: map[int64]kept[T]{}}
}

func (c *cache[T]) get(ctx context.Context, orgID int64, load func(context.Context, int64) (T, error)) (T, error) {
	v, ok := c.fresh(orgID)
	c.count.Asked(ok)
	if ok {
		return v, nil
	}
	forgets := c.forgets.Load()
	loaded, err, _ := c.flight.Do(fmt.Sprint(orgID, "/", forgets, "/", pg.IsReserved(ctx)), func() (any, error) {
		if v, ok := c.fresh(orgID); ok {
			return v, nil
		}
		// Whoever asked first may go away; the others still want the value.
		v, err := load(context.WithoutCancel(ctx), orgID)
		if err == nil {
			c.mu.Lock()
			if c.forgets.Load() == forgets {
				c.values[orgID] = kept[T]{value: v, until: c.now().Add(c.ttl)}
			}
			c.mu.Unlock()
		}
		return v, err
	})
	v, _ = loaded.(T)
	return v, err
}

func (c *cache[T]) fresh(orgID int64) (T, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, ok := c.values[orgID]
	return k.value, ok && c.now().Before(k.until)
}

// forget forgets an organization's value, or with 0 all of them.
func (c *cache[T]) forget(orgID int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets.Add(1)
	if orgID == 0 {
		clear(c.values)
	}
	delete(c.values, orgID)
}

// entries gives how many values are kept, the old ones included.
func (c *cache[T]) entries() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.values)
}
