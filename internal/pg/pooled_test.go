package pg_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"traitortrack/internal/devstack"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// TestNothingIsCalledOffThroughThePooler has callers give up in the middle of a statement: PgBouncer hears no cancel request
// and has room for others at once, and PostgreSQL stops.
func TestNothingIsCalledOffThroughThePooler(t *testing.T) {
	t.Parallel()
	folder := pgtest.Folder(t)
	s := stack(t, devstack.Options{Dir: folder, Pooler: true})
	const callers = 20 // as many as PgBouncer has connections
	db, err := pg.Open(t.Context(), pg.Options{URL: s.PoolerURL, MaxConns: callers, Pooled: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	ctx, giveUp := context.WithCancel(t.Context())
	var calling sync.WaitGroup
	for range callers {
		calling.Go(func() {
			if _, err := db.Pool().Exec(ctx, "SELECT pg_sleep(600)"); !errors.Is(err, context.Canceled) {
				t.Errorf("a caller who gave up was told: %v", err)
			}
		})
	}
	direct := open(t, s.DatabaseURL)
	asleep := func(want int) func() bool {
		return func() bool {
			var n int
			err := direct.Pool().QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'").Scan(&n)
			return err == nil && n == want
		}
	}
	eventually(t, "that all sleep", asleep(callers))
	giveUp()
	calling.Wait()
	begun := time.Now()
	for range callers {
		if _, err := db.Pool().Exec(t.Context(), "SELECT 1"); err != nil {
			t.Fatalf("after callers gave up: %v", err)
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("there was room after %s", took)
	}
	eventually(t, "that PostgreSQL stops what nobody waits for", asleep(0))
	log, err := os.ReadFile(filepath.Join(folder, "pgbouncer.log"))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(log); strings.Contains(text, "cancel") {
		t.Errorf("PgBouncer was asked to call something off:\n%s", text)
	}
}
