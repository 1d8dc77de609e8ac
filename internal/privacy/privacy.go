// Package privacy answers for what is kept of a person: it gives all of it to them, and takes them out of it.
package privacy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Store has the verbs. It is safe for concurrent use.
type Store struct {
	db  *pg.DB
	now func() time.Time
}

// NewStore makes a store of the database's people.
func NewStore(db *pg.DB, now func() time.Time) *Store { return &Store{db: db, now: now} }

// Person is whose data is asked for. Only a verb that has looked whether they may be makes one.
type Person struct {
	orgID, userID int64
}

// ID gives the number of the person's account.
func (p Person) ID() int64 { return p.userID }

// Subject lets an admin have the data of a person of their organization, and notes it in the audit log. It refuses with
// user_not_found.
func (s *Store) Subject(ctx context.Context, actor authz.Actor, username string) (Person, error) {
	if err := actor.Require(authz.Users); err != nil {
		return Person{}, err
	}
	return s.open(ctx, actor, func(q *Queries) (int64, error) {
		u, err := q.find(ctx, findParams{OrgID: actor.OrgID, Username: account.Clean(username)})
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, errNobody()
		}
		return u.ID, err
	})
}

// Oneself lets the actor have their own data, and notes it in the audit log.
func (s *Store) Oneself(ctx context.Context, actor authz.Actor) (Person, error) {
	if err := actor.Require(authz.Self); err != nil {
		return Person{}, err
	}
	return s.open(ctx, actor, func(*Queries) (int64, error) { return actor.UserID, nil })
}

func (s *Store) open(ctx context.Context, actor authz.Actor, find func(*Queries) (int64, error)) (Person, error) {
	p := Person{orgID: actor.OrgID}
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		if p.userID, err = find(New(tx)); err != nil {
			return fmt.Errorf("find a user of organization %d: %w", actor.OrgID, err)
		}
		return audit.Record(ctx, tx, actor, audit.Entry{Action: "export_user", EntityType: "user", EntityID: strconv.FormatInt(p.userID, 10), Subject: p.userID})
	})
	return p, err
}

func errNobody() error {
	return errs.New(errs.NotFound, "user_not_found", "There is no such user here. Look for them among the users.")
}
