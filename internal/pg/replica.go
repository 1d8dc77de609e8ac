package pg

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"traitortrack/internal/errs"
)

// A replica is read while it is at most maxLag behind. Whoever has just written reads from the primary for FreshFor, which
// is longer than it takes to find out that the replica has fallen behind: see Fresh.
const (
	maxLag     = time.Second
	watchEvery = 250 * time.Millisecond
	watchFor   = 250 * time.Millisecond // for one look at both
	viewFor    = time.Second            // for one view on the replica, until the primary is asked instead

	// FreshFor is how long somebody who has written is read to from the primary.
	FreshFor = 3 * time.Second
)

// replica is a second pool, and how far it is behind.
type replica struct {
	pool   *pgxpool.Pool
	pooled bool
	behind atomic.Int64 // nanoseconds; negative while it is not known
}

// unknown is a lag that could not be found out: the replica is not read.
const unknown = -1

// Follow makes View read from a replica. It is called before the first use, and the replica is read once Watch runs.
func (db *DB) Follow(ctx context.Context, o Options) error {
	pool, err := newPool(ctx, o)
	if err != nil {
		return fmt.Errorf("the replica: %w", err)
	}
	db.replica = &replica{pool: pool, pooled: o.Pooled}
	db.replica.behind.Store(unknown)
	return nil
}

// ReplicaState is how a replica is getting on.
type ReplicaState struct {
	Known  bool          // whether it answers, and its lag could be found out
	Behind time.Duration // at most this far
	InUse  bool          // whether it is read
}

// Replica gives the replica's pool and state, or a nil pool where there is none.
func (db *DB) Replica() (*pgxpool.Pool, ReplicaState) {
	if db.replica == nil {
		return nil, ReplicaState{}
	}
	behind := time.Duration(db.replica.behind.Load())
	return db.replica.pool, ReplicaState{Known: behind >= 0, Behind: max(behind, 0), InUse: behind >= 0 && behind <= maxLag}
}

// Fresh gives a context under which View reads from the primary: for somebody who has just written, and is to see it.
func Fresh(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey, true) }

// View is Read for what may be a second old: it runs on the replica, where there is one that keeps up. What fails there is
// asked of the primary, so do may run twice, and begins anew each time.
func (db *DB) View(ctx context.Context, do func(tx Tx) error) error {
	if _, state := db.Replica(); !state.InUse || ctx.Value(freshKey) != nil || IsReserved(ctx) {
		return db.Read(ctx, do)
	}
	bounded, cancel := context.WithTimeout(ctx, viewFor)
	defer cancel()
	err := db.talk(bounded, db.replica.pool, oneMoment(), db.replica.pooled, do)
	if err == nil || errs.As(err) != nil || ctx.Err() != nil {
		return Refusal(err)
	}
	db.replica.behind.Store(unknown) // until Watch has looked again
	return db.Read(ctx, do)
}

// Watch finds out, until ctx ends, how far the replica is behind. Without a replica it has nothing to do.
func (db *DB) Watch(ctx context.Context) error {
	if db.replica == nil {
		return nil
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var w watcher
	defer w.hangUp()
	for {
		db.replica.behind.Store(int64(w.look(ctx, db)))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// watcher keeps where the primary's log was at the latest moments. The replica is as old as the latest of them that it has
// reached: its own clock would call it old whenever nobody writes.
type watcher struct {
	primary, replica *pgx.Conn
	passed           []moment
}

type moment struct {
	at       time.Time
	position int64
}

// look gives how far the replica is behind, or unknown.
func (w *watcher) look(ctx context.Context, db *DB) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, watchFor)
	defer cancel()
	now := time.Now()
	written, err := position(ctx, &w.primary, db.reserve, "SELECT (pg_current_wal_lsn() - '0/0')::bigint")
	if err != nil {
		return unknown
	}
	w.passed = append(w.passed, moment{now, written})
	reached, err := position(ctx, &w.replica, db.replica.pool, "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint")
	if err != nil {
		return unknown
	}
	return w.lag(reached)
}

// lag gives the age of what the replica has reached, and forgets the moments before it.
func (w *watcher) lag(reached int64) time.Duration {
	latest := -1
	for i, m := range w.passed {
		if m.position <= reached {
			latest = i
		}
	}
	w.passed = w.passed[max(latest, 0):]
	if len(w.passed) > mostMoments { // the first is what the lag counts from
		w.passed = slices.Delete(w.passed, 1, 2)
	}
	if latest < 0 {
		return unknown
	}
	return time.Since(w.passed[0].at)
}

// mostMoments bounds what a watcher keeps of a replica that stands still.
const mostMoments = 1000

// position asks for a place in the write-ahead log, in bytes, on a connection beside the pool, which may be exhausted. The primary's
// leads past a pooler, which may be exhausted as well.
func position(ctx context.Context, conn **pgx.Conn, pool *pgxpool.Pool, sql string) (int64, error) {
	if *conn == nil || (*conn).IsClosed() {
		fresh, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
		if err != nil {
			return 0, fmt.Errorf("connect to watch the replica: %w", err)
		}
		*conn = fresh
	}
	var at int64
	if err := (*conn).QueryRow(ctx, sql).Scan(&at); err != nil {
		return 0, fmt.Errorf("read a place in the log: %w", err)
	}
	return at, nil
}

func (w *watcher) hangUp() {
	ctx, cancel := context.WithTimeout(context.Background(), watchFor)
	defer cancel()
	for _, conn := range []*pgx.Conn{w.primary, w.replica} {
		if conn != nil {
			_ = conn.Close(ctx) // it is given up either way
		}
	}
}
