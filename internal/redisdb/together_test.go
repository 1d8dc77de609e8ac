package redisdb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"traitortrack/internal/pgtest"
	"traitortrack/internal/redisdb"
)

// TestTogetherEachGetsTheirOwn has many callers count at once, each a key of their own and one of all, among others who give up before
// they are answered. Nobody gets another's answer, and nothing is counted twice.
func TestTogetherEachGetsTheirOwn(t *testing.T) {
	t.Parallel()
	db := patient(t, pgtest.Redis(t))
	const callers, times = 50, 40
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for n := range times {
				wait.Go(func() { giveUp(t, db, time.Duration(n)*20*time.Microsecond) })
				var all, own func() (int64, error)
				var none func() (string, error)
				err := db.Together(t.Context(), func(q redisdb.Queue) {
					all, own = q.Incr(t.Context(), "together-all").Result, q.Incr(t.Context(), fmt.Sprint("together-", caller)).Result
					none = q.Get(t.Context(), "together-none").Result
				})
				if err != nil {
					t.Errorf("caller %d: %v", caller, err)
					continue
				}
				if got, err := own(); err != nil || got != int64(n+1) {
					t.Errorf("caller %d counted %d, %v, where %d was due", caller, got, err, n+1)
				}
				if got, err := all(); err != nil || got < int64(n+1) || got > callers*times {
					t.Errorf("all counted %d, %v", got, err)
				}
				if _, err := none(); !errors.Is(err, redisdb.ErrNothing) {
					t.Errorf("a key that is not there: %v", err)
				}
			}
		})
	}
	wait.Wait()
	if n := read(t, db, "together-all"); n != callers*times {
		t.Errorf("all counted %d, not %d", n, callers*times)
	}
	if db.State() != redisdb.Working {
		t.Errorf("state %q after callers went away", db.State())
	}
}

// giveUp asks, and waits no longer than for so long.
func giveUp(t *testing.T, db *redisdb.DB, after time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	var found func() (string, error)
	err := db.Together(ctx, func(q redisdb.Queue) { found = q.Get(ctx, "together-none").Result })
	if err == nil {
		if _, err := found(); !errors.Is(err, redisdb.ErrNothing) {
			t.Errorf("a key that is not there: %v", err)
		}
	} else if !errors.Is(err, redisdb.ErrAway) || ctx.Err() == nil {
		t.Errorf("a caller who did not give up: %v", err)
	}
}

func read(t *testing.T, db *redisdb.DB, key string) int64 {
	t.Helper()
	var n int64
	err := db.Do(t.Context(), func(ctx context.Context, c redisdb.Commands) error {
		var err error
		n, err = c.Get(ctx, key).Int64()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTogetherHangingIsLeftAlone has many callers at once meet a Redis that hangs. None waits longer than its own budget and that of the
// load which it leads, and after a few loads nobody waits at all.
func TestTogetherHangingIsLeftAlone(t *testing.T) {
	t.Parallel()
	address, connections := silence(t)
	db := open(t, "redis://"+address)
	begun := time.Now()
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() {
			for range 5 {
				asked := time.Now()
				if err := db.Together(t.Context(), func(q redisdb.Queue) { q.Get(t.Context(), "x") }); !errors.Is(err, redisdb.ErrAway) {
					t.Errorf("asked: %v", err)
				}
				if took := time.Since(asked); took > time.Second {
					t.Errorf("a caller waited for %s", took)
				}
			}
		})
	}
	wait.Wait()
	if n, most := connections(), 2*(3+int(time.Since(begun)/time.Second)); n > most { // one that is given up may be replaced at once
		t.Errorf("1,000 calls to a hanging Redis opened %d connections, and %d are the most", n, most)
	}
	if db.State() != redisdb.Away {
		t.Errorf("state %q", db.State())
	}
}

// TestTogetherRefusalsAreTheirOwn has one command of several refused: the others have their answers.
func TestTogetherRefusalsAreTheirOwn(t *testing.T) {
	t.Parallel()
	db := patient(t, pgtest.Redis(t))
	var refused, counted func() (int64, error)
	err := db.Together(t.Context(), func(q redisdb.Queue) {
		q.Set(t.Context(), "together-text", "no number", time.Minute)
		refused, counted = q.Incr(t.Context(), "together-text").Result, q.Incr(t.Context(), "together-count").Result
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := refused(); err == nil || errors.Is(err, redisdb.ErrNothing) {
		t.Errorf("a text was counted: %v", err)
	}
	if n, err := counted(); err != nil || n != 1 {
		t.Errorf("counted %d, %v", n, err)
	}
}

// TestTogetherTakesTurns has callers come one by one, so that each leads a load of its own.
func TestTogetherTakesTurns(t *testing.T) {
	t.Parallel()
	db := patient(t, pgtest.Redis(t))
	for n := range int64(100) {
		var counted func() (int64, error)
		err := db.Together(t.Context(), func(q redisdb.Queue) { counted = q.Incr(t.Context(), "together-one").Result })
		if err != nil {
			t.Fatal(err)
		}
		if got, err := counted(); err != nil || got != n+1 {
			t.Errorf("counted %d, %v, where %d was due", got, err, n+1)
		}
	}
}
