package pg

import (
	"cmp"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tx is a transaction under way: pgx's own, or one of few round trips, as TxPrepared, View and Read have them. There Exec answers at once
// and without an error or a count of rows: its statement is sent with the next question, or with the COMMIT, and fails that.
type Tx interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Conn() *pgx.Conn // which no pool has: what takes a Tx is within a transaction
}

// talk is a transaction of few round trips. BEGIN, and whatever else nobody waits for, is sent together with the next question. Each
// statement still has a snapshot of its own, in the order in which they were given.
type talk struct {
	conn    *pgx.Conn
	waiting pgx.Batch
	begun   bool // something was asked or changed
}

// talk has do in a transaction on a connection of a pool.
func (db *DB) talk(ctx context.Context, pool *pgxpool.Pool, o pgx.TxOptions, pooled bool, do func(Tx) error) error {
	return pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		t := &talk{conn: c.Conn()}
		t.waiting.BeginTx(o)
		if pooled {
			t.waiting.Queue(boundsQuery)
		}
		err := do(t)
		if err == nil && t.begun {
			err = t.commit(ctx)
		}
		if err != nil && t.conn.PgConn().TxStatus() != 'I' && !t.conn.IsClosed() {
			_, undone := t.conn.Exec(ctx, "rollback")
			err = errors.Join(err, undone)
		}
		return err
	})
}

func (t *talk) commit(ctx context.Context) error {
	t.waiting.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() == "ROLLBACK" { // a statement had failed, and do passed over it
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return t.conn.SendBatch(ctx, &t.waiting).Close()
}

func (t *talk) Conn() *pgx.Conn { return t.conn }

// Exec has a statement wait for the next question.
func (t *talk) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	t.begun = true
	t.waiting.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// SendBatch sends what waits with a batch. What fails of it fails the batch's first result.
func (t *talk) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	t.begun = true
	all := t.waiting
	t.waiting = pgx.Batch{}
	ahead := all.Len()
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	sent := t.conn.SendBatch(ctx, &all)
	for range ahead {
		_, _ = sent.Exec() // results keep their first error, and give it again
	}
	return sent
}

func (t *talk) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.waiting.Len() == 0 {
		return t.conn.Query(ctx, sql, args...)
	}
	var b pgx.Batch
	b.Queue(sql, args...)
	sent := t.SendBatch(ctx, &b)
	rows, err := sent.Query()
	if err != nil {
		_ = sent.Close() // it gives the same error
	}
	return &lastRows{Rows: rows, sent: sent}, err
}

func (t *talk) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if t.waiting.Len() == 0 {
		return t.conn.QueryRow(ctx, sql, args...)
	}
	var b pgx.Batch
	b.Queue(sql, args...)
	sent := t.SendBatch(ctx, &b)
	return lastRow{sent.QueryRow(), sent}
}

// lastRows are the rows of a batch's last statement: with them ends the batch.
type lastRows struct {
	pgx.Rows
	sent pgx.BatchResults
	err  error
}

func (r *lastRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *lastRows) Close() {
	r.Rows.Close()
	r.err = r.sent.Close()
}

func (r *lastRows) Err() error { return cmp.Or(r.Rows.Err(), r.err) }

// lastRow is the row of a batch's last statement.
type lastRow struct {
	pgx.Row
	sent pgx.BatchResults
}

func (r lastRow) Scan(dest ...any) error { return cmp.Or(r.Row.Scan(dest...), r.sent.Close()) }
