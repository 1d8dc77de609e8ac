package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/notify"
	"traitortrack/internal/pg"
)

// Purpose is what a link is for.
type Purpose string

// The purposes.
const (
	Invitation Purpose = "invitation" // somebody new chooses their first password
	Reset      Purpose = "reset"      // somebody has forgotten theirs
)

// Link is a way to set a user's password without the present one: once, and not for ever. The database keeps a hash of its
// token.
type Link struct {
	Purpose  Purpose
	Username string
	Token    string // shown once; empty where the link is mailed, or was only looked at
	Until    time.Time
}

// NewLink makes a link for a user of the actor's organization in the caller's transaction. Those that they had are not good
// any more. It is mailed where mail is sent and the user has an address, and comes with its token otherwise.
func (s *Store) NewLink(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64, purpose Purpose) (Link, error) {
	q := New(tx)
	user, err := q.holdUser(ctx, holdUserParams{OrgID: actor.OrgID, ID: userID})
	if errors.Is(err, pgx.ErrNoRows) {
		return Link{}, errNoUser()
	}
	if err != nil {
		return Link{}, fmt.Errorf("hold user %d: %w", userID, err)
	}
	if _, err := q.deleteLinks(ctx, deleteLinksParams{OrgID: actor.OrgID, UserID: userID}); err != nil {
		return Link{}, fmt.Errorf("delete the links of user %d: %w", userID, err)
	}
	id, until, err := s.insertLink(ctx, q, actor.OrgID, userID, purpose)
	if err != nil {
		return Link{}, err
	}
	l := Link{Purpose: purpose, Username: user.Username, Until: until}
	if mailed := s.Outbox.On() && user.Email != ""; mailed {
		err = s.Outbox.PasswordLink(ctx, tx, actor.OrgID, id)
	} else {
		var minted notify.Link
		minted, err = notify.Mint(ctx, tx, actor.OrgID, id, s.now())
		l.Token = minted.Token
	}
	if err != nil {
		return Link{}, err
	}
	return l, recordLink(ctx, tx, actor, userID, purpose, l.Token == "")
}

// insertLink writes a link without a token, and gives its id and its end.
func (s *Store) insertLink(ctx context.Context, q *Queries, orgID, userID int64, purpose Purpose) (int64, time.Time, error) {
	now := s.now()
	until := now.Add(lifeOf(purpose))
	id, err := q.insertLink(ctx, insertLinkParams{OrgID: orgID, UserID: userID, Purpose: string(purpose), Now: now, ExpiresAt: until})
	if err != nil {
		return 0, until, fmt.Errorf("make a link for user %d: %w", userID, err)
	}
	return id, until, nil
}

func recordLink(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64, purpose Purpose, mailed bool) error {
	return audit.Record(ctx, tx, actor, audit.Entry{Action: "make_password_link", EntityType: "user", EntityID: known(userID), Subject: userID,
		Details: map[string]any{"purpose": purpose, "mailed": mailed}})
}

// OpenLink tells whose link a token is. One that was used, is too old, or belongs to somebody who is shut out is
// link_invalid, like one that never was.
func (s *Store) OpenLink(ctx context.Context, token string) (Link, error) {
	row, err := s.findLink(ctx, New(s.db.For(ctx)), token)
	if err != nil {
		return Link{}, pg.Refusal(err)
	}
	return Link{Purpose: Purpose(row.Purpose), Username: row.Username, Until: row.ExpiresAt}, nil
}

func (s *Store) findLink(ctx context.Context, q *Queries, token string) (findLinkRow, error) {
	row, err := q.findLink(ctx, notify.TokenHash(token))
	if errors.Is(err, pgx.ErrNoRows) {
		return row, errLink()
	}
	if err != nil {
		return row, fmt.Errorf("find a link: %w", err)
	}
	return row, checkLink(row, s.now())
}

// UseLink sets the password of a link's user, and gives their name. From tells where the request comes from. All sessions of
// the user end, their links are not good any more, and a lock on their name is taken off. It refuses with link_invalid or
// invalid_password.
func (s *Store) UseLink(ctx context.Context, from authz.Actor, token, password string) (string, error) {
	row, err := s.findLink(ctx, New(s.db.For(ctx)), token)
	if err != nil {
		return "", pg.Refusal(err)
	}
	if err := ValidatePassword(password, row.Username, row.Email); err != nil {
		return "", err
	}
	kept, err := s.hash(ctx, password)
	if err != nil {
		return "", err
	}
	from.UserID, from.OrgID = row.UserID, row.OrgID
	return row.Username, s.db.Tx(ctx, func(tx pgx.Tx) error { return s.spend(ctx, tx, from, token, kept) })
}

// spend looks at the link again once its user is held, so that it is used once.
func (s *Store) spend(ctx context.Context, tx pgx.Tx, owner authz.Actor, token, hash string) error {
	q := New(tx)
	if _, err := q.holdUser(ctx, holdUserParams{OrgID: owner.OrgID, ID: owner.UserID}); err != nil {
		return fmt.Errorf("hold user %d: %w", owner.UserID, err)
	}
	row, err := s.findLink(ctx, q, token)
	if err != nil {
		return err
	}
	if err := q.useLinks(ctx, useLinksParams{Now: s.now(), OrgID: owner.OrgID, UserID: owner.UserID}); err != nil {
		return fmt.Errorf("use the link of user %d: %w", owner.UserID, err)
	}
	if _, err := q.setPassword(ctx, setPasswordParams{PasswordHash: hash, OrgID: owner.OrgID, ID: owner.UserID}); err != nil {
		return fmt.Errorf("set the password of user %d: %w", owner.UserID, err)
	}
	if _, err := q.deleteLock(ctx, row.Username); err != nil {
		return fmt.Errorf("unlock user %d: %w", owner.UserID, err)
	}
	return audit.Record(ctx, tx, owner, audit.Entry{Action: "set_password", EntityType: "user", EntityID: known(owner.UserID), Subject: owner.UserID,
		Details: map[string]any{"by": row.Purpose}})
}

// DropLinks makes a user's links no good in the caller's transaction.
func DropLinks(ctx context.Context, tx pgx.Tx, orgID, userID int64) error {
	if _, err := New(tx).deleteLinks(ctx, deleteLinksParams{OrgID: orgID, UserID: userID}); err != nil {
		return fmt.Errorf("delete the links of user %d: %w", userID, err)
	}
	return nil
}

// SweepLinks forgets the links that can no longer matter. A periodic job calls it.
func (s *Store) SweepLinks(ctx context.Context) error {
	if err := New(s.db.For(ctx)).deleteOldLinks(ctx, s.now().Add(-lifeOf(Invitation))); err != nil {
		return pg.Refusal(fmt.Errorf("forget old links: %w", err))
	}
	return nil
}
