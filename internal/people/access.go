package people

import (
	"context"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
)

// Unlock lets a user try again at once whose name is locked after wrong tries. One that is not locked stays as it is.
func (s *Store) Unlock(ctx context.Context, actor authz.Actor, username string) (Person, error) {
	return s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		_, err := account.Unlock(ctx, tx, actor, who.username)
		return err
	})
}

// EndSessions logs a user out everywhere, within a second.
func (s *Store) EndSessions(ctx context.Context, actor authz.Actor, username string) (Person, error) {
	return s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		return account.EndSessions(ctx, tx, actor, who.id)
	})
}

// DropFactor turns off the two-factor login of a user who has lost their device. It refuses with totp_off, and with
// own_account.
func (s *Store) DropFactor(ctx context.Context, actor authz.Actor, username string) (Person, error) {
	return s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		if err := maySteer(actor.UserID, who.id, "Your two-factor login is on your own page."); err != nil {
			return err
		}
		return s.accounts.DropFactor(ctx, tx, actor, who.id)
	})
}

// ForcePassword makes a user choose a new password before they do anything else. It refuses with user_inactive, and with
// own_account.
func (s *Store) ForcePassword(ctx context.Context, actor authz.Actor, username string) (Person, error) {
	return s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		if err := maySteer(actor.UserID, who.id, "Change your password on your own page."); err != nil {
			return err
		}
		if err := mustBeActive(who.active); err != nil {
			return err
		}
		return account.ForcePassword(ctx, tx, actor, who.id)
	})
}

// NewLink makes a link by which a user sets their password: an invitation for who has none yet, good for seven days, and a
// reset for anyone else, good for an hour. It refuses with user_inactive, and with own_account.
func (s *Store) NewLink(ctx context.Context, actor authz.Actor, username string) (account.Link, error) {
	var link account.Link
	_, err := s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		if err := maySteer(actor.UserID, who.id, "Change your password on your own page."); err != nil {
			return err
		}
		if err := mustBeActive(who.active); err != nil {
			return err
		}
		var err error
		link, err = s.accounts.NewLink(ctx, tx, actor, who.id, purposeOf(who.invited))
		return err
	})
	return link, err
}

// Invite makes a user of the actor's organization, and a link by which they choose their first password. What is wrong is
// refused with the field named; a name that somebody has, in any organization, is user_exists.
func (s *Store) Invite(ctx context.Context, actor authz.Actor, n account.NewUser) (Person, account.Link, error) {
	if err := actor.Require(authz.Users); err != nil {
		return Person{}, account.Link{}, err
	}
	var after Person
	var link account.Link
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		id, err := account.Invite(ctx, tx, actor, n)
		if err != nil {
			return err
		}
		if link, err = s.accounts.NewLink(ctx, tx, actor, id, account.Invitation); err != nil {
			return err
		}
		after, err = s.find(ctx, New(tx), actor.OrgID, link.Username)
		return err
	})
	return after, link, err
}
