// Package people is how an admin looks after the users of an organization: who there is, what they may do, and whether
// they get in. How somebody proves who they are is in account.
package people

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Person is a user as an admin sees them. Times are zero for never.
type Person struct {
	Username string
	Email    string // empty for none
	Role     authz.Role
	Area     string // dispatch area; empty means everywhere

	Active             bool
	Invited            bool      // they have yet to choose their first password
	MustChangePassword bool      // they choose a new one before they do anything else
	TwoFactor          bool      // they have turned two-factor login on
	LockedUntil        time.Time // after too many wrong tries; zero unless that is to come
	LinkUntil          time.Time // until when a link by which they set a password is good; zero for none

	CreatedAt time.Time
	LastLogin time.Time
	LastSeen  time.Time // the last use of a session that goes on, or the last login
}

// Store has the verbs. It is safe for concurrent use.
type Store struct {
	db       *pg.DB
	accounts *account.Store
	now      func() time.Time
}

// NewStore makes a store of the database's people.
func NewStore(db *pg.DB, accounts *account.Store, now func() time.Time) *Store {
	return &Store{db: db, accounts: accounts, now: now}
}

// Find gives one user of the actor's organization by name. It refuses with user_not_found.
func (s *Store) Find(ctx context.Context, actor authz.Actor, username string) (Person, error) {
	if err := actor.Require(authz.Users); err != nil {
		return Person{}, err
	}
	p, err := s.find(ctx, New(s.db.For(ctx)), actor.OrgID, username)
	return p, pg.Refusal(err)
}

func (s *Store) find(ctx context.Context, q *Queries, orgID int64, username string) (Person, error) {
	id, err := q.idOf(ctx, idOfParams{OrgID: orgID, Username: account.Clean(username)})
	if errors.Is(err, pgx.ErrNoRows) {
		return Person{}, errNobody()
	}
	if err != nil {
		return Person{}, fmt.Errorf("find a user of organization %d: %w", orgID, err)
	}
	found, err := s.describe(ctx, q, orgID, []int64{id})
	if err == nil && len(found) == 0 {
		err = errNobody()
	}
	if err != nil {
		return Person{}, err
	}
	return found[0], nil
}

// describe gives users in the order of their ids as given.
func (s *Store) describe(ctx context.Context, q *Queries, orgID int64, ids []int64) ([]Person, error) {
	rows, err := q.describe(ctx, describeParams{OrgID: orgID, Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("describe users of organization %d: %w", orgID, err)
	}
	byID := map[int64]Person{}
	for _, row := range rows {
		byID[row.ID] = row.person(s.now())
	}
	found := make([]Person, 0, len(ids))
	for _, id := range ids {
		if p, ok := byID[id]; ok {
			found = append(found, p)
		}
	}
	return found, nil
}

func (r describeRow) person(now time.Time) Person {
	p := Person{Username: r.Username, Email: r.Email, Role: authz.Role(r.Role), Area: r.Area, Active: r.Active, Invited: r.Invited,
		MustChangePassword: r.MustChangePassword, TwoFactor: r.TwoFactor, CreatedAt: r.CreatedAt}
	if r.LastLoginAt != nil {
		p.LastLogin, p.LastSeen = *r.LastLoginAt, *r.LastLoginAt
	}
	if r.LastUsedAt.After(p.LastLogin) && r.LastUsedAt.Unix() != 0 {
		p.LastSeen = r.LastUsedAt
	}
	if r.LockedUntil != nil && r.LockedUntil.After(now) {
		p.LockedUntil = *r.LockedUntil
	}
	if r.LinkUntil.After(now) {
		p.LinkUntil = r.LinkUntil
	}
	return p
}

func errNobody() error {
	return errs.New(errs.NotFound, "user_not_found", "There is no such user here. Look for them among the users.")
}
