package pool_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/pool"
)

// connect opens a connection of its own, as somebody else's program would.
func connect(t *testing.T, db *pg.DB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.Pool().Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// theOne waits until one backend is shown.
func theOne(t *testing.T, b *pool.Backends, admin authz.Actor) pool.Backend {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		list, err := b.List(t.Context(), admin)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 {
			return list[0]
		}
	}
	t.Fatal("no backend is shown")
	return pool.Backend{}
}

func code(err error) string {
	if refused := errs.As(err); refused != nil {
		return refused.Code
	}
	return ""
}

func TestALongStatementIsShownAndCancelled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	admin := pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")
	b, conn := pool.NewBackends(db, 0), connect(t, db)
	ended := make(chan error, 1)
	go func() { _, err := conn.Exec(t.Context(), "SELECT\n\tpg_sleep(60)"); ended <- err }()
	seen := theOne(t, b, admin)
	if seen.State != "active" || seen.Short() != "SELECT pg_sleep(60)" || seen.Listens() || seen.Ours() {
		t.Errorf("shown: %+v", seen)
	}
	if err := b.Cancel(t.Context(), admin, seen.PID, seen.Began.Add(time.Second)); code(err) != "backend_gone" {
		t.Errorf("another process of the same number: %v", err)
	}
	if err := b.Cancel(t.Context(), admin, seen.PID, seen.Began); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "57014") {
		t.Errorf("the statement ended with %v", err)
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("the connection broke: %v", err)
	}
	if kept := recorded(t, db, admin, "cancel_backend"); kept != "SELECT pg_sleep(?)" {
		t.Errorf("the log keeps %q", kept)
	}
}

func TestATransactionThatWaitsIsShownAndEnded(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	admin := pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")
	b, conn := pool.NewBackends(db, 0), connect(t, db)
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT 1"); err != nil {
		t.Fatal(err)
	}
	seen := theOne(t, b, admin)
	if seen.State != "idle in transaction" {
		t.Errorf("shown: %+v", seen)
	}
	if err := b.End(t.Context(), admin, seen.PID, seen.Began); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the connection goes on")
	}
	if err := b.End(t.Context(), admin, seen.PID, seen.Began); code(err) != "backend_gone" {
		t.Errorf("ended twice: %v", err)
	}
	if list, err := pool.NewBackends(db, time.Hour).List(t.Context(), admin); err != nil || len(list) != 0 {
		t.Errorf("what is short is shown: %+v, %v", list, err)
	}
	recorded(t, db, admin, "end_backend")
}

func TestOnlyAdminsStopBackends(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	biller := pgtest.User(t, db, pgtest.Org(t, db), authz.Biller, "")
	b := pool.NewBackends(db, 0)
	if _, err := b.List(t.Context(), biller); code(err) != "forbidden" {
		t.Errorf("list: %v", err)
	}
	if err := b.End(t.Context(), biller, 1, time.Now()); code(err) != "forbidden" {
		t.Errorf("end: %v", err)
	}
}

// recorded looks for the row of an action, and gives the statement in it.
func recorded(t *testing.T, db *pg.DB, admin authz.Actor, action string) string {
	t.Helper()
	list, err := audit.NewLog(db).List(t.Context(), admin, audit.Filter{Action: action, Limit: 10})
	if err != nil || len(list.Items) != 1 || list.Items[0].EntityType != "backend" {
		t.Fatalf("audited as %s: %+v, %v", action, list, err)
	}
	details, _ := list.Items[0].Details.(map[string]any)
	return fmt.Sprint(details["query"])
}
