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

// Options say how to reach PostgreSQL. MaxConns is the pool's maximum; MinConns of them stay open. Reserve connections stand
// beside the pool, for whoever looks after it while it is exhausted; without a reserve they use the pool as well. They lead to
// DirectURL, since a pooler may be exhausted too.
type Options struct {
	URL                string
	DirectURL          string // past any pooler; empty for URL
	MinConns, MaxConns int32
	Reserve            int32
	Patient            bool // for work that may take hours: no statement is cut short
	Pooled             bool // behind a pooler in transaction pooling: nothing of a connection outlives a transaction
	Tracer             pgx.QueryTracer
}

// What our connections call themselves at the server (application_name).
const (
	PoolName     = "traitortrack"
	ListenerName = "traitortrack listener"
)

// DB is a pool of connections to one PostgreSQL, a reserve beside it, and a replica where it follows one. The connections of
// prepared keep their prepared statements: behind a pooler they lead past it, else they are the pool's.
type DB struct {
	pool, reserve, prepared *pgxpool.Pool
	pooled                  bool
	replica                 *replica // nil where there is none
}

// Open makes the pool. It does not connect yet: a database that is away at the start is reported by the first use.
func Open(ctx context.Context, o Options) (*DB, error) {
	pool, err := newPool(ctx, o)
	if err != nil {
		return nil, err
	}
	db := &DB{pool: pool, reserve: pool, prepared: pool, pooled: o.Pooled}
	if o.Reserve > 0 {
		db.reserve, err = newPool(ctx, o.past(o.Reserve))
	}
	if err == nil && o.Pooled && o.leadsPast() {
		db.prepared, err = newPool(ctx, o.past(PreparedConns))
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// PreparedConns is how many connections past a pooler an instance has for what keeps its statements prepared: scans, of which an
// organization needs one, bills, and what is read.
const PreparedConns = 8

// preparedPooled reports whether even the connections of prepared lead through a pooler, since no other way was given.
func (db *DB) preparedPooled() bool { return db.pooled && db.prepared == db.pool }

func (o Options) leadsPast() bool { return o.DirectURL != "" && o.DirectURL != o.URL }

// past gives how so many connections past any pooler are reached. One of them stays open: a server that is full lets no other in.
func (o Options) past(conns int32) Options {
	if o.leadsPast() {
		o.URL, o.Pooled = o.DirectURL, false
	}
	o.MinConns, o.MaxConns = 1, conns
	return o
}

func newPool(ctx context.Context, o Options) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("read the database address: %w", err)
	}
	cfg.MinConns, cfg.MaxConns = o.MinConns, o.MaxConns
	cfg.MaxConnLifetime = time.Hour
	cfg.MaxConnLifetimeJitter = 10 * time.Minute
	cfg.HealthCheckPeriod = 5 * time.Second
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.ConnConfig.Tracer = o.Tracer
	cfg.AfterConnect = knowTypes
	params := cfg.ConnConfig.RuntimeParams
	params["application_name"] = PoolName
	params["timezone"] = "UTC"
	switch {
	case o.Pooled: // it refuses other parameters, and keeps no prepared statements: see pooled.go
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		callNothingOff(&cfg.ConnConfig.Config)
	case !o.Patient:
		params["plan_cache_mode"] = planOnce
		params["statement_timeout"] = statementTimeout
		params["lock_timeout"] = lockTimeout
		params["idle_in_transaction_session_timeout"] = idleTimeout
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make the database pool: %w", err)
	}
	return pool, nil
}

// planOnce has prepared statements use the plan that they were given once. Left to itself, PostgreSQL plans many of them each time for
// their values, which takes longer than running them.
const planOnce = "force_generic_plan"

// What a request's statements may take.
const (
	statementTimeout = "30s"
	lockTimeout      = "10s"
	idleTimeout      = "30s" // between two statements of a transaction
)

// Dial makes one connection of its own, beside the pool of ctx's work: see For. The caller closes it.
func (db *DB) Dial(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, db.changing(ctx).Config().ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("connect beside the pool: %w", err)
	}
	return conn, nil
}

// Pooled reports whether a pooler stands before the database, so that it may be there while requests do not reach it.
func (db *DB) Pooled() bool { return db.pooled }

// knowTypes tells a connection the types of our arguments. Behind a pooler, which keeps no prepared statements, it cannot ask.
func knowTypes(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
	return nil
}

// Pool gives the pool itself, for single statements outside a transaction.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Close closes every connection, waiting for those in use.
func (db *DB) Close() {
	if db.replica != nil {
		db.replica.pool.Close()
	}
	db.pool.Close()
	for _, other := range []*pgxpool.Pool{db.reserve, db.prepared} {
		if other != nil && other != db.pool {
			other.Close()
		}
	}
}

// attempts bounds how often a transaction is tried again. The pauses between them add up to about half a second.
const attempts = 12

// Tx runs do in a read-committed transaction and commits it. When the database asks for another try (a deadlock, a
// serialization failure) or another transaction won a race for a key, do runs again from the start: it must not have
// effects outside the transaction. A constraint becomes the refusal of its rule, and a lost database is Unavailable.
func (db *DB) Tx(ctx context.Context, do func(tx pgx.Tx) error) error {
	return retry(ctx, func() error { return pgx.BeginTxFunc(ctx, db.changing(ctx), begin(db.pooled), do) })
}

// TxPrepared is Tx for what people do all day, in few round trips. Planning takes most of what such a transaction costs, so behind a
// pooler, which keeps no prepared statements, it goes past it.
func (db *DB) TxPrepared(ctx context.Context, do func(tx Tx) error) error {
	return retry(ctx, func() error { return db.talk(ctx, db.For(ctx), pgx.TxOptions{}, db.preparedPooled(), do) })
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
func (db *DB) Read(ctx context.Context, do func(tx Tx) error) error {
	return Refusal(db.talk(ctx, db.For(ctx), oneMoment(), db.preparedPooled(), do))
}

func pause(ctx context.Context, n int) error {
	ceiling := min(time.Millisecond<<n, 64*time.Millisecond)
	timer := time.NewTimer(ceiling/2 + rand.N(ceiling)) //nolint:gosec // nobody gains by guessing a pause
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
		if noText(pe.Code) {
			return unwritable.Wrap(err)
		}
		return err
	}
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) || pgconn.SafeToRetry(err) || lost(err) {
		return unavailable.Wrap(err)
	}
	return err
}
