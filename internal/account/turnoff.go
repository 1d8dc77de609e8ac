package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/notify"
)

// TurnOff ends two-factor login, for who shows their password and a code. An admin who has to have it is refused with
// totp_mandatory. It gives the user for a new session: all others end.
func (s *Store) TurnOff(ctx context.Context, actor authz.Actor, password, code string) (User, error) {
	if s.NeedsTOTP(actor.Role) {
		return User{}, errs.New(errs.Forbidden, "totp_mandatory", "Admins of this warehouse need two-factor login. It stays on.")
	}
	return s.withProof(ctx, actor, password, code, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := New(tx).deleteTOTP(ctx, deleteTOTPParams{OrgID: actor.OrgID, UserID: actor.UserID}); err != nil {
			return err
		}
		return recordFactor(ctx, tx, actor, actor.UserID, "totp_disable", true, false)
	})
}

// Replace begins two-factor login with another device, for who shows their password and a code of the present one. Enrol
// with a code of the other one finishes it; until then, and where that does not come in time, the present one counts. It
// gives the user for a new session: all others end.
func (s *Store) Replace(ctx context.Context, actor authz.Actor, password, code string) (Enrolment, User, error) {
	begun, keyID, sealed, err := s.newSecret(actor)
	if err != nil {
		return Enrolment{}, User{}, err
	}
	user, err := s.withProof(ctx, actor, password, code, func(ctx context.Context, tx pgx.Tx) error {
		err := New(tx).replaceTOTP(ctx, replaceTOTPParams{KeyID: keyID, Sealed: sealed, Now: s.now(), OrgID: actor.OrgID, UserID: actor.UserID})
		if err != nil {
			return fmt.Errorf("begin another device of user %d: %w", actor.UserID, err)
		}
		return recordFactor(ctx, tx, actor, actor.UserID, "totp_replace", nil, nil)
	})
	if err != nil {
		return Enrolment{}, User{}, err
	}
	return begun, user, nil
}

// withProof does something about two-factor login that is on, for who shows their password and a code.
func (s *Store) withProof(ctx context.Context, actor authz.Actor, password, code string, do func(context.Context, pgx.Tx) error) (User, error) {
	if err := actor.Require(authz.Self); err != nil {
		return User{}, err
	}
	if _, err := s.prove(ctx, actor, password); err != nil {
		return User{}, err
	}
	return s.withFactor(ctx, actor, s.byCode(actor, code), func(ctx context.Context, tx pgx.Tx, row holdTOTPRow) error {
		if !row.Confirmed {
			return errNotEnrolled()
		}
		return do(ctx, tx)
	})
}

// factorDropped is what somebody reads whose two-factor login an admin has turned off. It names nobody: as a mail it stands
// in a table until it is sent.
const factorDropped = "An admin has turned your two-factor login off, as for somebody who has lost their phone. Set it up again on your own page. If you did not ask for it, tell your admins at once."

// DropFactor turns a user's two-factor login off in the caller's transaction, for who can show no code any more. Their
// sessions end, and they are told, by mail too where there is any. It refuses with totp_off.
func (s *Store) DropFactor(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64) error {
	q := New(tx)
	row, err := q.holdTOTP(ctx, holdTOTPParams{OrgID: actor.OrgID, UserID: userID})
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !row.Confirmed {
		return errs.New(errs.Conflict, "totp_off", "They have no two-factor login.")
	}
	if err == nil {
		_, err = q.deleteTOTP(ctx, deleteTOTPParams{OrgID: actor.OrgID, UserID: userID})
	}
	if err != nil {
		return fmt.Errorf("drop the second factor of user %d: %w", userID, err)
	}
	if err := recordFactor(ctx, tx, actor, userID, "totp_drop", true, false); err != nil {
		return err
	}
	if err := EndSessions(ctx, tx, actor, userID); err != nil {
		return err
	}
	return s.tellDropped(ctx, tx, actor.OrgID, userID)
}

func (s *Store) tellDropped(ctx context.Context, tx pgx.Tx, orgID, userID int64) error {
	err := notify.ToUser(ctx, tx, orgID, userID, notify.Notice{Kind: notify.TwoFactorOff, Message: factorDropped, Link: "/account/2fa", Subject: userID})
	if err != nil || !s.Outbox.On() {
		return err
	}
	return s.Outbox.Mail(ctx, tx, notify.PlainMail{OrgID: orgID, UserID: userID, Subject: "Your two-factor login is off", Text: factorDropped + "\n"})
}
