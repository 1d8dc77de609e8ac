package pool

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Backend is a process of the database server that serves one connection.
type Backend struct {
	PID         int32
	Began       time.Time // tells it from another process that gets the same number later
	Username    string    // of the database
	Application string    // what the client calls itself
	Client      string    // its address, or "local"
	State       string    // active, idle in transaction, …
	For         time.Duration
	WaitsFor    string // lock, client, … where it waits for something
	Query       string // the statement, or the last one
}

// Listens reports whether the backend is one by which an instance of the program hears of changes.
func (b Backend) Listens() bool {
	return b.Application == pg.ListenerName || strings.HasPrefix(strings.ToUpper(b.Query), "LISTEN")
}

// Ours reports whether the backend serves an instance of this program.
func (b Backend) Ours() bool { return b.Application == pg.PoolName || b.Application == pg.ListenerName }

// Long is how long a statement runs, or a transaction waits for its program, before it is shown.
const Long = 5 * time.Second

// shown is how many backends are shown at most, those that hold up longest.
const shown = 50

// Backends looks at the database's backends, and stops them.
type Backends struct {
	db   *pg.DB
	long time.Duration
}

// NewBackends makes backends. long is Long, but in tests.
func NewBackends(db *pg.DB, long time.Duration) *Backends { return &Backends{db: db, long: long} }

// budget bounds a look at the backends, so that a page never waits for ever.
const budget = 2 * time.Second

// List gives the backends that hold up a connection for long, the longest first.
func (b *Backends) List(ctx context.Context, actor authz.Actor) ([]Backend, error) {
	if err := actor.Require(authz.Operate); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(pg.Reserved(ctx), budget)
	defer cancel()
	rows, err := New(b.db.For(ctx)).listBackends(ctx, listBackendsParams{Over: b.long.Seconds(), Most: shown})
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("list the backends: %w", err))
	}
	list := make([]Backend, len(rows))
	for i, row := range rows {
		list[i] = findBackendRow(row).backend()
	}
	return list, nil
}

// Find gives a backend, whatever it does, or refuses with backend_gone.
func (b *Backends) Find(ctx context.Context, actor authz.Actor, pid int32, began time.Time) (Backend, error) {
	if err := actor.Require(authz.Operate); err != nil {
		return Backend{}, err
	}
	ctx, cancel := context.WithTimeout(pg.Reserved(ctx), budget)
	defer cancel()
	found, err := find(ctx, New(b.db.For(ctx)), pid, began)
	return found, pg.Refusal(err)
}

func find(ctx context.Context, q *Queries, pid int32, began time.Time) (Backend, error) {
	row, err := q.findBackend(ctx, findBackendParams{Pid: pid, Began: began})
	if errors.Is(err, pgx.ErrNoRows) {
		return Backend{}, errGone(pid)
	}
	if err != nil {
		return Backend{}, fmt.Errorf("find backend %d: %w", pid, err)
	}
	return row.backend(), nil
}

// Cancel stops the statement that a backend runs. Its connection stays.
func (b *Backends) Cancel(ctx context.Context, actor authz.Actor, pid int32, began time.Time) error {
	return b.stop(ctx, actor, pid, began, "cancel_backend", (*Queries).cancelBackend)
}

// End ends a backend: its connection breaks, and its transaction is undone.
func (b *Backends) End(ctx context.Context, actor authz.Actor, pid int32, began time.Time) error {
	return b.stop(ctx, actor, pid, began, "end_backend", (*Queries).endBackend)
}

// stop records what is about to be done, then does it: a signal cannot be taken back, so it comes last.
func (b *Backends) stop(ctx context.Context, actor authz.Actor, pid int32, began time.Time, action string, signal func(*Queries, context.Context, int32) (bool, error)) error {
	if err := actor.Require(authz.Operate); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(pg.Reserved(ctx), budget)
	defer cancel()
	return b.db.Tx(ctx, func(tx pgx.Tx) error {
		q := New(tx)
		found, err := find(ctx, q, pid, began)
		if err != nil {
			return err
		}
		err = audit.Record(ctx, tx, actor, audit.Entry{Action: action, EntityType: "backend", EntityID: strconv.Itoa(int(pid)), Details: found.details()})
		if err != nil {
			return err
		}
		there, err := signal(q, ctx, pid)
		switch {
		case refusedByServer(err):
			return errForeign(found).Wrap(err)
		case err != nil:
			return fmt.Errorf("%s %d: %w", action, pid, err)
		case !there:
			return errGone(pid)
		}
		return nil
	})
}

// details are what the audit log keeps of a backend: its statement without the values in it, which may be somebody's.
func (b Backend) details() map[string]any {
	return map[string]any{"database_user": b.Username, "application": b.Application, "state": b.State, "seconds": int(b.For.Seconds()), "query": clip(withoutValues(b.Query))}
}

// clipped is how much of a statement is shown and kept.
const clipped = 300

// Short gives the statement on one line, clipped.
func (b Backend) Short() string { return clip(b.Query) }

func clip(statement string) string {
	text := []rune(strings.Join(strings.Fields(statement), " "))
	if len(text) <= clipped {
		return string(text)
	}
	return string(text[:clipped]) + "…"
}

func (r findBackendRow) backend() Backend {
	return Backend{PID: r.Pid, Began: r.Began, Username: r.Username, Application: r.Application, Client: r.Client, State: r.State,
		For: time.Duration(r.Seconds * float64(time.Second)), WaitsFor: r.WaitsFor, Query: r.Query}
}

// refusedByServer reports whether the database's user lacks the right (insufficient_privilege).
func refusedByServer(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "42501"
}

func errGone(pid int32) error {
	return errs.New(errs.NotFound, "backend_gone", "Backend %d is not there any more: it has ended by itself, or somebody was faster.", pid)
}

func errForeign(b Backend) *errs.Error {
	return errs.New(errs.Forbidden, "backend_foreign", "Backend %d belongs to the database user %s, and ours may not stop it. Ask whoever runs the database.", b.PID, b.Username)
}
