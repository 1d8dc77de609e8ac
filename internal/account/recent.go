package account

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"traitortrack/internal/obs"
	"traitortrack/internal/pg"
)

// How long an answer is believed after the last moment at which it was surely right, how old it may be in any case, and how many
// are kept. The first leaves some of the second for the reading.
const (
	recentTTL = 750 * time.Millisecond
	oldest    = 10 * time.Minute
	maxRecent = 50_000
)

// readTimeout bounds a read that others wait for, too.
const readTimeout = 5 * time.Second

// recent keeps what was read: for a moment, or longer where it is told of changes. However many ask for the same, one reads.
type recent[K comparable, V any] struct {
	read   func(context.Context, K) (V, error)
	now    func() time.Time
	told   func() time.Time // every change from before this time has been forgotten here
	mu     sync.RWMutex
	kept   map[K]aged[V]
	turn   uint64 // rises with each change that is told: a read from before it is not kept
	flight singleflight.Group
	count  obs.CacheCount
}

// aged is an answer, and a time from before it was read.
type aged[V any] struct {
	value V
	read  time.Time
}

// newRecent makes one that nobody tells of changes.
func newRecent[K comparable, V any](read func(context.Context, K) (V, error), now func() time.Time) *recent[K, V] {
	return &recent[K, V]{read: read, now: now, told: func() time.Time { return time.Time{} }, kept: map[K]aged[V]{}}
}

// get gives the answer for a key: a kept one that is good enough, or what is read now. Callers with the same flight share
// a read. An error is not kept.
func (c *recent[K, V]) get(ctx context.Context, key K, flight string, good func(V) bool) (V, error) {
	kept, turn, ok := c.fresh(key)
	ok = ok && good(kept)
	c.count.Asked(ok)
	if ok {
		return kept, nil
	}
	answer := c.flight.DoChan(fmt.Sprint(flight, "/", turn, "/", pg.IsReserved(ctx)), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout) // others wait, even when this caller goes away
		defer cancel()
		if kept, _, ok := c.fresh(key); ok && good(kept) { // another's read ended between the look and this one
			return kept, nil
		}
		began := c.now()
		value, err := c.read(ctx, key)
		if err == nil {
			c.keep(key, turn, aged[V]{value, began})
		}
		return value, err
	})
	var none V
	select {
	case r := <-answer:
		value, _ := r.Val.(V)
		return value, r.Err
	case <-ctx.Done():
		return none, fmt.Errorf("wait for who asks: %w", ctx.Err())
	}
}

// fresh gives the answer that is kept for a key, if it is still believed, and the turn.
func (c *recent[K, V]) fresh(key K) (V, uint64, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	kept, ok := c.kept[key]
	return kept.value, c.turn, ok && c.believed(kept.read)
}

// believed reports whether an answer that was read at a time may still be given. It was right then, and at the last moment up to
// which changes were told.
func (c *recent[K, V]) believed(read time.Time) bool {
	now, right := c.now(), read
	if told := c.told(); told.After(read) {
		right = told
	}
	return now.Sub(right) < recentTTL && now.Sub(read) < oldest
}

func (c *recent[K, V]) entries() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.kept)
}

// keep remembers an answer that was asked for in a turn. When too many are kept, all are forgotten: each costs one read to have again.
func (c *recent[K, V]) keep(key K, turn uint64, a aged[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if turn != c.turn {
		return
	}
	if len(c.kept) >= maxRecent {
		clear(c.kept)
	}
	if old, ok := c.kept[key]; !ok || !old.read.After(a.read) {
		c.kept[key] = a
	}
}

// forget forgets the answers for some keys, or with none all of them.
func (c *recent[K, V]) forget(keys ...K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	if len(keys) == 0 {
		clear(c.kept)
	}
	for _, key := range keys {
		delete(c.kept, key)
	}
}
