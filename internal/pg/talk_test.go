package pg_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// sent keeps what a connection sent at a time.
type sent struct {
	mu    sync.Mutex
	trips [][]string
}

func (s *sent) add(statements ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trips = append(s.trips, statements)
}

func (s *sent) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.add(data.SQL)
	return ctx
}

func (s *sent) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *sent) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	var all []string
	for _, q := range data.Batch.QueuedQueries {
		all = append(all, q.SQL)
	}
	s.add(all...)
	return ctx
}

func (s *sent) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (s *sent) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// talking opens a database with an empty table t, and one connection whose trips are kept.
func talking(t *testing.T) (*pg.DB, *sent) {
	t.Helper()
	var s sent
	db, err := pg.Open(t.Context(), pg.Options{URL: pgtest.URL(t), MaxConns: 1, Tracer: &s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := db.Pool().Exec(t.Context(), "CREATE TABLE t (id int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	s.trips = nil
	return db, &s
}

const insert = "INSERT INTO t VALUES ($1)"

// put has a statement wait.
func put(t *testing.T, tx pg.Tx, id int) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), insert, id); err != nil {
		t.Errorf("what waits has failed already: %v", err)
	}
}

func ids(t *testing.T, db *pg.DB) []int {
	t.Helper()
	rows, _ := db.Pool().Query(t.Context(), "SELECT id FROM t ORDER BY id") // the error stays with the rows
	found, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestWhatNobodyWaitsForTravelsTogether asks in each of the three ways, and sees what was written before.
func TestWhatNobodyWaitsForTravelsTogether(t *testing.T) {
	t.Parallel()
	db, s := talking(t)
	const count, list = "SELECT count(*) FROM t", "SELECT id FROM t"
	var n int
	var seen []int
	err := db.TxPrepared(t.Context(), func(tx pg.Tx) error {
		put(t, tx, 1)
		if err := tx.QueryRow(t.Context(), count).Scan(&n); err != nil {
			return err
		}
		put(t, tx, 2)
		rows, _ := tx.Query(t.Context(), list) // the error stays with the rows
		var err error
		if seen, err = pgx.CollectRows(rows, pgx.RowTo[int]); err != nil {
			return err
		}
		put(t, tx, 3)
		var b pgx.Batch
		b.Queue(count).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
		if err := tx.SendBatch(t.Context(), &b).Close(); err != nil {
			return err
		}
		put(t, tx, 4)
		return nil
	})
	want := [][]string{{"begin", insert, count}, {insert, list}, {insert, count}, {insert, "commit"}}
	if err != nil || n != 3 || !slices.Equal(seen, []int{1, 2}) || !slices.EqualFunc(s.trips, want, slices.Equal) {
		t.Errorf("%v; %d rows, and %v before, were seen; sent were %q", err, n, seen, s.trips)
	}
	if found := ids(t, db); !slices.Equal(found, []int{1, 2, 3, 4}) {
		t.Errorf("kept are %v", found)
	}
}

// TestWhatWaitedFailsTheQuestion holds that a failure comes out, wherever it is noticed, undoes all, and leaves a connection that works.
func TestWhatWaitedFailsTheQuestion(t *testing.T) {
	t.Parallel()
	const list = "SELECT id FROM t"
	ask := map[string]func(tx pg.Tx) error{
		"a row": func(tx pg.Tx) error { return tx.QueryRow(t.Context(), list).Scan(new(int)) },
		"rows": func(tx pg.Tx) error {
			rows, _ := tx.Query(t.Context(), list) // the error stays with the rows
			_, err := pgx.CollectRows(rows, pgx.RowTo[int])
			return err
		},
		"a batch": func(tx pg.Tx) error {
			var b pgx.Batch
			b.Queue(list)
			return tx.SendBatch(t.Context(), &b).Close()
		},
		"nothing":     func(pg.Tx) error { return nil },
		"passed over": func(tx pg.Tx) error { _ = tx.QueryRow(t.Context(), list).Scan(new(int)); return nil },
	}
	db, _ := talking(t)
	if _, err := db.Pool().Exec(t.Context(), insert, 1); err != nil {
		t.Fatal(err)
	}
	for name, ask := range ask {
		err := db.TxPrepared(t.Context(), func(tx pg.Tx) error {
			put(t, tx, 2)
			put(t, tx, 1) // it is there
			put(t, tx, 3)
			return ask(tx)
		})
		if err == nil {
			t.Errorf("%s: the failure was lost", name)
		}
		if found := ids(t, db); !slices.Equal(found, []int{1}) {
			t.Errorf("%s: kept are %v", name, found)
		}
	}
}

// TestATalkThatSaysNothing sends nothing, and one that is refused before it changes anything is undone.
func TestATalkThatSaysNothing(t *testing.T) {
	t.Parallel()
	db, s := talking(t)
	if err := db.TxPrepared(t.Context(), func(pg.Tx) error { return nil }); err != nil || len(s.trips) != 0 {
		t.Errorf("%v; sent were %q", err, s.trips)
	}
	refused := errors.New("refused")
	err := db.TxPrepared(t.Context(), func(tx pg.Tx) error {
		put(t, tx, 1)
		if err := tx.QueryRow(t.Context(), "SELECT 1").Scan(new(int)); err != nil {
			return err
		}
		return refused
	})
	if found := ids(t, db); !errors.Is(err, refused) || len(found) != 0 {
		t.Errorf("%v; kept are %v", err, found)
	}
	err = db.Read(t.Context(), func(tx pg.Tx) error {
		return tx.QueryRow(t.Context(), "SELECT id FROM t").Scan(new(int))
	})
	if !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("no row is %v", err)
	}
}
