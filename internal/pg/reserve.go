package pg

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"traitortrack/internal/obs"
)

type contextKey int

const (
	reserveKey contextKey = iota
	freshKey
)

// Reserved marks work that has to go on while the pool is exhausted, such as looking after the pool: it takes its
// connections from the reserve.
func Reserved(ctx context.Context) context.Context { return context.WithValue(ctx, reserveKey, true) }

// IsReserved reports whether work was marked by Reserved. Whoever lets callers share one read keeps the two kinds apart:
// otherwise reserved work waits for the pool behind somebody else.
func IsReserved(ctx context.Context) bool { return ctx.Value(reserveKey) != nil }

// For gives the pool that ctx's work takes its connections from, for single statements outside a transaction. They keep their
// statements prepared, also behind a pooler.
func (db *DB) For(ctx context.Context) *pgxpool.Pool { return db.orReserve(ctx, db.prepared) }

// changing gives the pool for transactions that change something.
func (db *DB) changing(ctx context.Context) *pgxpool.Pool { return db.orReserve(ctx, db.pool) }

func (db *DB) orReserve(ctx context.Context, pool *pgxpool.Pool) *pgxpool.Pool {
	if IsReserved(ctx) {
		return db.reserve
	}
	return pool
}

// Measure shows the pool among the numbers, under a name, and what else there is as "replica", "reserve" and "prepared". Size is how
// many connections the pool is meant to hold.
func (db *DB) Measure(m *obs.Metrics, name string, size int) {
	m.DatabasePool(name, func() obs.PoolStats { return stats(db.pool, size) })
	if db.replica != nil {
		m.DatabasePool("replica", func() obs.PoolStats { return stats(db.replica.pool, int(db.replica.pool.Stat().MaxConns())) })
		m.Gauge("traitortrack_db_replica_lag_seconds", "How far the replica is behind, at most; -1 while it is not known.", func() float64 {
			if _, state := db.Replica(); state.Known {
				return state.Behind.Seconds()
			}
			return unknown
		})
	}
	if db.reserve != db.pool {
		m.DatabasePool("reserve", func() obs.PoolStats { return stats(db.reserve, int(db.reserve.Stat().MaxConns())) })
	}
	if db.prepared != db.pool {
		m.DatabasePool("prepared", func() obs.PoolStats { return stats(db.prepared, int(db.prepared.Stat().MaxConns())) })
	}
}

func stats(pool *pgxpool.Pool, size int) obs.PoolStats {
	st := pool.Stat()
	return obs.PoolStats{InUse: int(st.AcquiredConns()), Idle: int(st.IdleConns()), Max: int(st.MaxConns()), Size: size,
		Waits: st.EmptyAcquireCount(), Waited: st.EmptyAcquireWaitTime(), GaveUp: st.CanceledAcquireCount()}
}
