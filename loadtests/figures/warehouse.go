package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"traitortrack/internal/devstack"
	"traitortrack/internal/pg"
	"traitortrack/internal/seed"
	"traitortrack/migrations"
)

const (
	password  = "a-crowd-of-bags"
	secretKey = "a-key-for-load-tests-and-for-nothing-else"
	users     = 100 // for load; eight in ten of each organization are dispatchers
)

// warehouse is a durable database with so many bags, and a Redis.
type warehouse struct {
	bags  int
	dir   string
	stack *devstack.Stack
	db    *pg.DB
}

// seeded is what filling came to.
type seeded struct {
	rows int64
	took time.Duration
}

func (s seeded) rate() float64 { return float64(s.rows) / s.took.Seconds() }

func open(ctx context.Context, bags int) (*warehouse, error) {
	dir, err := devstack.Folder()
	if err != nil {
		return nil, err
	}
	w := &warehouse{bags: bags, dir: dir}
	w.stack, err = devstack.Start(ctx, devstack.Options{Dir: filepath.Join(dir, "data"), Redis: true, Settings: devstack.Tuned()})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the servers: %w", err), os.RemoveAll(dir))
	}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *warehouse) prepare(ctx context.Context) error {
	if err := migrations.Up(ctx, w.stack.DatabaseURL); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	var err error
	if w.db, err = pg.Open(ctx, pg.Options{URL: w.stack.DatabaseURL, MaxConns: 8, Patient: true}); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	var safe bool
	err = w.db.Pool().QueryRow(ctx, "SELECT current_setting('fsync')::boolean AND current_setting('synchronous_commit')::boolean").Scan(&safe)
	if err != nil {
		return fmt.Errorf("ask whether the database is durable: %w", err)
	}
	if !safe {
		return errors.New("the database does not sync every commit: no figure of it means anything")
	}
	return nil
}

func (w *warehouse) close() error {
	if w.db != nil {
		w.db.Close()
	}
	return errors.Join(w.stack.Stop(), os.RemoveAll(w.dir))
}

// fill seeds the warehouses.
func (w *warehouse) fill(ctx context.Context) (seeded, error) {
	begun, told := time.Now(), time.Now()
	err := seed.Run(ctx, w.db, seed.Options{Plan: seed.Plan{Bags: w.bags, Seed: 1}, Users: users, Password: password, End: time.Now(),
		Progress: func(done, total int) {
			if time.Since(told) > 10*time.Second {
				told = time.Now()
				say("seeded %d of %d bags", done, total)
			}
		}})
	s := seeded{took: time.Since(begun)}
	if err != nil {
		return s, fmt.Errorf("seed: %w", err)
	}
	if s.rows, err = w.rows(ctx); err != nil {
		return s, err
	}
	say("seeded %d rows in %s", s.rows, s.took.Round(time.Second))
	return s, seed.Tidy(ctx, w.db)
}

// taken is what a database takes of its disk, in bytes.
type taken struct{ all, indexes int64 }

func (w *warehouse) taken(ctx context.Context) (taken, error) {
	var t taken
	err := w.db.Pool().QueryRow(ctx, "SELECT pg_database_size(current_database()), (SELECT sum(pg_indexes_size(oid)) FROM pg_class WHERE relkind = 'r')::bigint").Scan(&t.all, &t.indexes)
	if err != nil {
		return t, fmt.Errorf("ask how large the database is: %w", err)
	}
	return t, nil
}

// A server that finds a year of history which nobody has sealed or proved yet does that first. It is at rest when no job has run for a few
// looks, a second apart.
const (
	restful     = 5
	restingMost = 20 * time.Minute
)

// rest waits until the server's jobs are done.
func (w *warehouse) rest(ctx context.Context) error {
	begun := time.Now()
	for quiet := 0; quiet < restful; quiet++ {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		var jobs int
		if err := w.db.Pool().QueryRow(ctx, "SELECT count(*) FROM river.river_job WHERE state IN ('available', 'running', 'retryable')").Scan(&jobs); err != nil {
			return fmt.Errorf("look whether jobs run: %w", err)
		}
		if jobs > 0 {
			quiet = -1
		}
		if time.Since(begun) > restingMost {
			return fmt.Errorf("jobs still run after %s", restingMost)
		}
	}
	say("the first seals and proofs took %s", time.Since(begun).Round(time.Second))
	return nil
}

// rows counts all rows of the tables that a seed fills.
func (w *warehouse) rows(ctx context.Context) (int64, error) {
	all := int64(0)
	for _, table := range seed.Tables() {
		var n int64
		if err := w.db.Pool().QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return 0, fmt.Errorf("count the rows of %s: %w", table, err)
		}
		all += n
	}
	return all, nil
}
