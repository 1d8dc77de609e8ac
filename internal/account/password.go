package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// ChangePassword gives the actor a new password, for who knows the present one. A wrong one is wrong_password and counts as
// a failed login; what is wrong with the new one is invalid_password of the field new_password. It gives the user for a new
// session: all others end.
func (s *Store) ChangePassword(ctx context.Context, actor authz.Actor, present, wanted string) (User, error) {
	if err := actor.Require(authz.Self); err != nil {
		return User{}, err
	}
	row, err := s.prove(ctx, actor, present)
	if err != nil {
		return User{}, err
	}
	if err := validateNew(wanted, present, row.Username, row.Email); err != nil {
		return User{}, err
	}
	kept, err := s.hash(ctx, wanted)
	if err != nil {
		return User{}, err
	}
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		n, err := New(tx).changePassword(ctx, changePasswordParams{PasswordHash: kept, OrgID: actor.OrgID, ID: actor.UserID, OldHash: row.PasswordHash})
		if err == nil && n == 0 {
			return errs.New(errs.Conflict, "password_changed", "Your password was changed a moment ago. Log in with the new one.")
		}
		if err != nil {
			return fmt.Errorf("change the password of user %d: %w", actor.UserID, err)
		}
		if err := DropLinks(ctx, tx, actor.OrgID, actor.UserID); err != nil { // one that somebody else asked for must not outlive it
			return err
		}
		return recordChange(ctx, tx, actor, "change_password", actor.UserID, n)
	})
	if err != nil {
		return User{}, err
	}
	user := try{row: row}.user()
	user.Epoch, user.MustChangePassword = user.Epoch+1, false
	return user, nil
}

// prove refuses whoever does not know the actor's password, with wrong_password. That counts as a failed login: a stolen
// session is no way around the lock.
func (s *Store) prove(ctx context.Context, actor authz.Actor, password string) (findByNameRow, error) {
	u, err := New(s.db.For(ctx)).getByID(ctx, actor.UserID)
	if err != nil {
		return findByNameRow{}, pg.Refusal(fmt.Errorf("read user %d: %w", actor.UserID, err))
	}
	t := try{from: actor, typed: u.Username, row: findByNameRow(u)}
	if err := s.refuseLocked(ctx, t.typed); err != nil {
		return t.row, err
	}
	if t.right, err = s.check(ctx, u.PasswordHash, password); err != nil {
		return t.row, err
	}
	var refused error
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		a, err := hold(ctx, New(tx), t.typed, s.now())
		switch refused = nil; {
		case err != nil:
			return err
		case a.locked(s.now()):
			refused = errLocked(a.until, s.now())
		case !t.right:
			refused = errs.Field("password", "wrong_password", "This is not your present password.")
			return t.fail(ctx, tx, a.failed(s.now()), factorNone)
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	return t.row, err
}

// SetPassword gives a user of the actor's organization a new password in the caller's transaction, and ends all of
// their sessions within a second of its commit.
func SetPassword(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64, password string) error {
	names, err := New(tx).getNames(ctx, getNamesParams{OrgID: actor.OrgID, ID: userID})
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoUser()
	}
	if err != nil {
		return fmt.Errorf("read the names of user %d: %w", userID, err)
	}
	if err := ValidatePassword(password, names.Username, names.Email); err != nil {
		return err
	}
	return writePassword(ctx, tx, actor, userID, password)
}

// SetAnyPassword is SetPassword for a demo, whose password may be a common one.
func SetAnyPassword(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64, password string) error {
	if err := checkLength(password); err != nil {
		return err
	}
	return writePassword(ctx, tx, actor, userID, password)
}

func writePassword(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64, password string) error {
	n, err := New(tx).setPassword(ctx, setPasswordParams{PasswordHash: HashPassword(password), OrgID: actor.OrgID, ID: userID})
	if err != nil {
		return fmt.Errorf("set the password of user %d: %w", userID, err)
	}
	return recordChange(ctx, tx, actor, "set_password", userID, n)
}

// ForcePassword makes a user choose a new password before they do anything else, in the caller's transaction. It is known
// within a second.
func ForcePassword(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64) error {
	n, err := New(tx).forcePassword(ctx, forcePasswordParams{OrgID: actor.OrgID, ID: userID})
	if err != nil {
		return fmt.Errorf("force a new password on user %d: %w", userID, err)
	}
	return recordChange(ctx, tx, actor, "force_password", userID, n)
}

// EndSessions ends all sessions of a user of the actor's organization, on every instance within a second of the commit
// of the caller's transaction.
func EndSessions(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64) error {
	n, err := New(tx).raiseEpoch(ctx, raiseEpochParams{OrgID: actor.OrgID, ID: userID})
	if err != nil {
		return fmt.Errorf("end the sessions of user %d: %w", userID, err)
	}
	return recordChange(ctx, tx, actor, "end_sessions", userID, n)
}

// recordChange audits a change to a user, or refuses where it found nobody to change.
func recordChange(ctx context.Context, tx pgx.Tx, actor authz.Actor, action string, userID, changed int64) error {
	if changed == 0 {
		return errNoUser()
	}
	return audit.Record(ctx, tx, actor, audit.Entry{Action: action, EntityType: "user", EntityID: known(userID), Subject: userID})
}
