// Package pg is the way to PostgreSQL: the pool, transactions that are retried when the database asks for it, and the
// table that turns a constraint's name into the refusal of the rule that it stands under.
package pg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"traitortrack/internal/errs"
)

// Options say how to reach PostgreSQL. MaxConns is the pool's maximum; MinConns of them stay open.
type Options struct {
	URL                string
	MinConns, MaxConns int32
	Patient            bool // for work that may take hours: no statement is cut short
	Tracer             pgx.QueryTracer
}

// DB is a pool of connections to one PostgreSQL.
type DB struct{ pool *pgxpool.Pool }

// Open makes the pool. It does not connect yet: a database that is away at the start is reported by the first use.
func Open(ctx context.Context, o Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("read the database address: %w", err)
	}
	cfg.MinConns, cfg.MaxConns = o.MinConns, o.MaxConns
	cfg.MaxConnLifetime = time.Hour
	cfg.MaxConnLifetimeJitter = 10 * time.Minute
	cfg.HealthCheckPeriod = 5 * time.Second
	cfg.ConnConfig.ConnectTimeout = 3 * time.Second
	cfg.ConnConfig.Tracer = o.Tracer
	cfg.AfterConnect = knowTypes
	params := cfg.ConnConfig.RuntimeParams
	params["application_name"] = "traitortrack"
	params["timezone"] = "UTC"
	if !o.Patient {
		params["statement_timeout"] = "30s"
		params["lock_timeout"] = "10s"
		params["idle_in_transaction_session_timeout"] = "30s"
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make the database pool: %w", err)
	}
	return &DB{pool: pool}, nil
}

// knowTypes tells a connection the types of our arguments. Behind a pooler, which keeps no prepared statements, it cannot ask.
func knowTypes(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
	return nil
}

// Pool gives the pool itself, for single statements outside a transaction.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Close closes every connection, waiting for those in use.
func (db *DB) Close() { db.pool.Close() }

// attempts bounds how often a transaction is tried again. The pauses between them add up to about half a second.
const attempts = 12

// Tx runs do in a read-committed transaction and commits it. When the database asks for another try (a deadlock, a
// serialization failure) or another transaction won a race for a key, do runs again from the start: it must not have
// effects outside the transaction. A constraint becomes the refusal of its rule, and a lost database is Unavailable.
func (db *DB) Tx(ctx context.Context, do func(tx pgx.Tx) error) error {
	return retry(ctx, func() error { return pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{}, do) })
}

func retry(ctx context.Context, try func() error) error {
	var err error
	for n := range attempts {
		if err = try(); !again(err) {
			break
		}
		if pause(ctx, n) != nil {
			break
		}
	}
	return Refusal(err)
}

// Read runs do in a read-only transaction in which every statement sees the same moment.
func (db *DB) Read(ctx context.Context, do func(tx pgx.Tx) error) error {
	return Refusal(pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, do))
}

func pause(ctx context.Context, n int) error {
	ceiling := min(time.Millisecond<<n, 64*time.Millisecond)
	timer := time.NewTimer(ceiling/2 + rand.N(ceiling))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ErrAgain is for a transaction that finds, once it holds its locks, that what it chose them by has changed.
var ErrAgain = errors.New("decide again")

// again reports whether a failed transaction deserves another try.
func again(err error) bool {
	if errors.Is(err, ErrAgain) {
		return true
	}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return false
	}
	switch pe.Code {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	case "23505", "23503": // unique_violation, foreign_key_violation: somebody else was first, and the rule can say so
		return raced[pe.ConstraintName]
	}
	return false
}

// Refusal turns an error of the database into the refusal that a user may read. Refusals and nil pass as they are, and
// what has no translation stays an internal fault.
func Refusal(err error) error {
	if err == nil || errs.As(err) != nil {
		return err
	}
	if errors.Is(err, ErrAgain) || errors.Is(err, context.DeadlineExceeded) {
		return unavailable.Wrap(err)
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		if r, ok := refusals[pe.ConstraintName]; ok {
			return r.Wrap(err)
		}
		if away(pe.Code) {
			return unavailable.Wrap(err)
		}
		return err
	}
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) || pgconn.SafeToRetry(err) || lost(err) {
		return unavailable.Wrap(err)
	}
	return err
}
