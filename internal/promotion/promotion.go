// Package promotion is how somebody asks for a higher role, and how an admin answers.
package promotion

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
	"traitortrack/internal/pg"
)

// What can become of a request.
const (
	Open      = "open"
	Approved  = "approved"
	Declined  = "declined"
	Withdrawn = "withdrawn" // by the one who asked, or because they have the role by now and ask for more
)

// Request is a request for a higher role. Times are zero for not yet.
type Request struct {
	ID         int64
	Username   string     // who asks
	Present    authz.Role // their role now
	Active     bool       // they can log in
	Role       authz.Role // the one that they ask for
	Reason     string
	Status     string
	Note       string // of who answered, empty for none
	AnsweredBy string // empty for nobody
	AskedAt    time.Time
	AnsweredAt time.Time
}

// Moot reports whether an open request cannot be granted any more: who asked is shut out, or has the role already.
func (r Request) Moot() bool { return r.Status == Open && (!r.Active || !above(r.Role, r.Present)) }

// Store has the verbs. It is safe for concurrent use.
type Store struct {
	db  *pg.DB
	now func() time.Time
}

// NewStore makes a store of the database's requests.
func NewStore(db *pg.DB, now func() time.Time) *Store { return &Store{db: db, now: now} }

// Filter says which requests to list: of a status, or all of them where it is empty.
type Filter struct {
	Status string
	Limit  int
	Cursor string
}

// List gives the requests of the actor's organization, the newest first.
func (s *Store) List(ctx context.Context, actor authz.Actor, f Filter) (page.List[Request], error) {
	var none page.List[Request]
	if err := actor.Require(authz.Users); err != nil {
		return none, err
	}
	params := listRequestsParams{OrgID: actor.OrgID, Before: math.MaxInt64, Most: page.Most(f.Limit)}
	switch f.Status {
	case "":
	case Open, Approved, Declined, Withdrawn:
		params.Status = &f.Status
	default:
		return none, errs.Field("status", "invalid_filter", "A request is open, approved, declined or withdrawn.")
	}
	if _, err := page.Decode(f.Cursor, &params.Before); err != nil {
		return none, err
	}
	rows, err := New(s.db.For(ctx)).listRequests(ctx, params)
	if err != nil {
		return none, pg.Refusal(fmt.Errorf("list the requests of organization %d: %w", actor.OrgID, err))
	}
	list := make([]Request, len(rows))
	for i, r := range rows {
		list[i] = getRequestRow(r).request()
	}
	return page.Cut(list, f.Limit, func(r Request) any { return r.ID }), nil
}

// mostOwn is how many of their own requests somebody is shown.
const mostOwn = 10

// Own gives the last requests of the actor, the newest first.
func (s *Store) Own(ctx context.Context, actor authz.Actor) ([]Request, error) {
	rows, err := New(s.db.For(ctx)).ownRequests(ctx, ownRequestsParams{OrgID: actor.OrgID, UserID: actor.UserID, Most: mostOwn})
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("list the requests of user %d: %w", actor.UserID, err))
	}
	list := make([]Request, len(rows))
	for i, r := range rows {
		list[i] = getRequestRow(r).request()
	}
	return list, nil
}

// CountOpen tells how many requests of the actor's organization wait for an answer.
func (s *Store) CountOpen(ctx context.Context, actor authz.Actor) (int, error) {
	n, err := New(s.db.For(ctx)).countOpen(ctx, actor.OrgID)
	if err != nil {
		return 0, pg.Refusal(fmt.Errorf("count the requests of organization %d: %w", actor.OrgID, err))
	}
	return int(n), nil
}

func (r getRequestRow) request() Request {
	q := Request{ID: r.ID, Username: r.Username, Present: authz.Role(r.PresentRole), Active: r.Active, Role: authz.Role(r.Role), Reason: r.Reason,
		Status: r.Status, Note: r.Note, AnsweredBy: r.AnsweredBy, AskedAt: r.CreatedAt}
	if r.AnsweredAt != nil {
		q.AnsweredAt = *r.AnsweredAt
	}
	return q
}

func errNone() error {
	return errs.New(errs.NotFound, "promotion_not_found", "There is no such request here. Look at the list of them.")
}

// describe gives a request as it is now.
func describe(ctx context.Context, q *Queries, orgID, id int64) (Request, error) {
	row, err := q.getRequest(ctx, getRequestParams{OrgID: orgID, ID: id})
	if err != nil {
		return Request{}, fmt.Errorf("read request %d: %w", id, err)
	}
	return row.request(), nil
}

// record audits a step of a request. What people wrote is kept apart: it may name them.
func record(ctx context.Context, tx pgx.Tx, actor authz.Actor, e audit.Entry, id int64) error {
	e.EntityType, e.EntityID = "promotion", strconv.FormatInt(id, 10)
	return audit.Record(ctx, tx, actor, e)
}
