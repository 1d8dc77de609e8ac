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

// full is a database behind a PgBouncer all of whose connections sleep, until awake is called or the test ends.
type full struct {
	db     *pg.DB // through PgBouncer, and past it for what keeps prepared
	direct *pg.DB
	folder string
	awake  func()
}

const sleepers = 20 // as many as PgBouncer has connections

func fill(t *testing.T) full {
	t.Helper()
	f := full{folder: pgtest.Folder(t)}
	s := stack(t, devstack.Options{Dir: f.folder, Pooler: true})
	var err error
	if f.db, err = pg.Open(t.Context(), pg.Options{URL: s.PoolerURL, DirectURL: s.DatabaseURL, MaxConns: sleepers, Pooled: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.db.Close)
	f.direct = open(t, s.DatabaseURL)
	ctx, giveUp := context.WithCancel(t.Context())
	var sleeping sync.WaitGroup
	for range sleepers {
		sleeping.Go(func() {
			if _, err := f.db.Pool().Exec(ctx, "SELECT pg_sleep(600)"); !errors.Is(err, context.Canceled) {
				t.Errorf("a caller who gave up was told: %v", err)
			}
		})
	}
	f.awake = func() { giveUp(); sleeping.Wait() }
	t.Cleanup(f.awake)
	eventually(t, "that all sleep", func() bool { return f.asleep(t) == sleepers })
	return f
}

func (f full) asleep(t *testing.T) int {
	t.Helper()
	var n int
	err := f.direct.Pool().QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWhatKeepsPreparedGoesPastThePooler exchanges and asks while the pooler has no connection to spare, on one that keeps what was prepared.
func TestWhatKeepsPreparedGoesPastThePooler(t *testing.T) {
	t.Parallel()
	f := fill(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var prepared int
	for range 2 {
		err := f.db.TxPrepared(ctx, func(tx pg.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT $1::int", 1); err != nil {
				return err
			}
			return tx.QueryRow(ctx, "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::int'").Scan(&prepared)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if prepared != 1 {
		t.Errorf("%d statements were kept", prepared)
	}
	if err := f.db.For(ctx).QueryRow(ctx, "SELECT 1").Scan(&prepared); err != nil {
		t.Error(err)
	}
}

// TestNothingIsCalledOffThroughThePooler has callers give up in the middle of a statement: PgBouncer hears no cancel request
// and has room for others at once, and PostgreSQL stops.
func TestNothingIsCalledOffThroughThePooler(t *testing.T) {
	t.Parallel()
	f := fill(t)
	f.awake()
	begun := time.Now()
	for range sleepers {
		if _, err := f.db.Pool().Exec(t.Context(), "SELECT 1"); err != nil {
			t.Fatalf("after callers gave up: %v", err)
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("there was room after %s", took)
	}
	eventually(t, "that PostgreSQL stops what nobody waits for", func() bool { return f.asleep(t) == 0 })
	log, err := os.ReadFile(filepath.Join(f.folder, "pgbouncer.log"))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(log); strings.Contains(text, "cancel") {
		t.Errorf("PgBouncer was asked to call something off:\n%s", text)
	}
}
