package pg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Exchange runs a read-committed transaction in two round trips. What ask queues is sent with the BEGIN; once all of it is
// answered, decide queues what is to be written, and that is sent with the COMMIT. Within a batch each statement still has
// a snapshot of its own. decide may query tx, at the price of a further round trip. Both run again from the start when
// the transaction does: see Tx. Planning takes most of what such a transaction costs, so behind a pooler, which keeps no prepared
// statements, it goes past it.
func (db *DB) Exchange(ctx context.Context, ask func(*pgx.Batch), decide func(tx pgx.Tx, writes Queue) error) error {
	return retry(ctx, func() error {
		return db.prepared.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
			err := db.converse(ctx, c.Conn(), ask, decide)
			if err != nil && c.Conn().PgConn().TxStatus() != 'I' && !c.Conn().IsClosed() {
				_, undone := c.Conn().Exec(ctx, "rollback")
				err = errors.Join(err, undone)
			}
			return err
		})
	})
}

func (db *DB) converse(ctx context.Context, c *pgx.Conn, ask func(*pgx.Batch), decide func(pgx.Tx, Queue) error) error {
	var first, last pgx.Batch
	first.BeginTx(pgx.TxOptions{})
	if db.preparedPooled() {
		first.Queue(boundsQuery)
	}
	ask(&first)
	sent := c.SendBatch(ctx, &first)
	if err := sent.Close(); err != nil {
		return err
	}
	if err := decide(sent.Tx(), Queue{&last}); err != nil {
		return err
	}
	last.Queue("commit")
	return c.SendBatch(ctx, &last).Close()
}

// Queue is what a generated call of kind :exec runs on when its statement is to wait in a batch. Such a call answers
// at once and without an error: what becomes of it is known when the batch is sent.
type Queue struct{ batch *pgx.Batch }

// Exec queues a statement.
func (q Queue) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	q.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Query refuses: what is queued has no rows yet.
func (q Queue) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, errQueued }

// QueryRow refuses, as Query does.
func (q Queue) QueryRow(context.Context, string, ...any) pgx.Row { return noRow{} }

var errQueued = errors.New("a queued statement has no rows: use a transaction")

type noRow struct{}

func (noRow) Scan(...any) error { return errQueued }
