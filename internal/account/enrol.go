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
	"traitortrack/internal/totp"
)

// issuer is the name under which an app lists our codes.
const issuer = "TraitorTrack"

// Enrolment is what somebody puts into their authenticator app: the address of a QR code, or the secret typed by hand.
type Enrolment struct{ URI, Secret string }

// TwoFactor tells how somebody's two-factor login stands.
type TwoFactor struct {
	On        bool
	CodesLeft int // recovery codes that are still good
}

// TwoFactorOf gives the actor's own.
func (s *Store) TwoFactorOf(ctx context.Context, actor authz.Actor) (TwoFactor, error) {
	q := New(s.db.Pool())
	row, err := q.getStanding(ctx, actor.UserID)
	if err != nil {
		return TwoFactor{}, pg.Refusal(fmt.Errorf("read user %d: %w", actor.UserID, err))
	}
	left, err := q.countRecoveryCodes(ctx, countRecoveryCodesParams{OrgID: actor.OrgID, UserID: actor.UserID})
	return TwoFactor{On: row.Enrolled, CodesLeft: int(left)}, pg.Refusal(err)
}

// BeginEnrolment makes a secret for the actor and keeps it sealed. It does nothing to their logins until Enrol. One that
// was begun before and not finished is replaced.
func (s *Store) BeginEnrolment(ctx context.Context, actor authz.Actor) (Enrolment, error) {
	if err := actor.Require(authz.Self); err != nil {
		return Enrolment{}, err
	}
	secret := totp.NewSecret()
	uri, err := totp.URI(issuer, actor.Username, secret)
	if err != nil {
		return Enrolment{}, err
	}
	keyID, sealed, err := s.Keys.seal(secret, actor.OrgID, actor.UserID)
	if err != nil {
		return Enrolment{}, err
	}
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		n, err := New(tx).insertTOTP(ctx, insertTOTPParams{OrgID: actor.OrgID, UserID: actor.UserID, KeyID: keyID, Sealed: sealed, Now: s.now()})
		if err == nil && n == 0 {
			return errEnrolled()
		}
		if err != nil {
			return err
		}
		return s.recordFactor(ctx, tx, actor, "totp_begin", nil, nil)
	})
	return Enrolment{URI: uri, Secret: totp.Text(secret)}, err
}

// Enrol turns two-factor login on, once the actor's app shows the right code. It gives ten recovery codes, which are
// shown once, and the user for a new session: all others end.
func (s *Store) Enrol(ctx context.Context, actor authz.Actor, code string) ([]string, User, error) {
	if err := actor.Require(authz.Self); err != nil {
		return nil, User{}, err
	}
	codes, hashes := newRecoveryCodes()
	user, err := s.withFactor(ctx, actor, code, func(ctx context.Context, tx pgx.Tx, row holdTOTPRow) error {
		if row.Confirmed {
			return errEnrolled()
		}
		q := New(tx)
		if err := q.confirmTOTP(ctx, confirmTOTPParams{Now: s.now(), OrgID: actor.OrgID, UserID: actor.UserID}); err != nil {
			return err
		}
		if err := q.insertRecoveryCodes(ctx, insertRecoveryCodesParams{OrgID: actor.OrgID, UserID: actor.UserID, CodeHashes: hashes}); err != nil {
			return err
		}
		return s.recordFactor(ctx, tx, actor, "totp_enable", false, true)
	})
	if err != nil {
		return nil, User{}, err
	}
	return codes, user, nil
}

// TurnOff ends two-factor login, for who shows their password and a code. An admin who has to have it is refused with
// totp_mandatory. It gives the user for a new session: all others end.
func (s *Store) TurnOff(ctx context.Context, actor authz.Actor, password, code string) (User, error) {
	if actor.Role == authz.Admin && s.RequireAdmin2FA {
		return User{}, errs.New(errs.Forbidden, "totp_mandatory", "Admins of this warehouse need two-factor login. It stays on.")
	}
	if _, err := s.prove(ctx, actor, password); err != nil {
		return User{}, err
	}
	return s.withFactor(ctx, actor, code, func(ctx context.Context, tx pgx.Tx, row holdTOTPRow) error {
		if !row.Confirmed {
			return errNotEnrolled()
		}
		if _, err := New(tx).deleteTOTP(ctx, deleteTOTPParams{OrgID: actor.OrgID, UserID: actor.UserID}); err != nil {
			return err
		}
		return s.recordFactor(ctx, tx, actor, "totp_disable", true, false)
	})
}

// RenewRecoveryCodes gives ten new recovery codes, for who shows a code; none of the old ones is good any more.
func (s *Store) RenewRecoveryCodes(ctx context.Context, actor authz.Actor, code string) ([]string, User, error) {
	codes, hashes := newRecoveryCodes()
	user, err := s.withFactor(ctx, actor, code, func(ctx context.Context, tx pgx.Tx, row holdTOTPRow) error {
		if !row.Confirmed {
			return errNotEnrolled()
		}
		q := New(tx)
		if err := q.deleteRecoveryCodes(ctx, deleteRecoveryCodesParams{OrgID: actor.OrgID, UserID: actor.UserID}); err != nil {
			return err
		}
		if err := q.insertRecoveryCodes(ctx, insertRecoveryCodesParams{OrgID: actor.OrgID, UserID: actor.UserID, CodeHashes: hashes}); err != nil {
			return err
		}
		return s.recordFactor(ctx, tx, actor, "renew_recovery_codes", nil, nil)
	})
	if err != nil {
		return nil, User{}, err
	}
	return codes, user, nil
}

// withFactor checks a code of the actor's second factor, and does something about that factor in the same transaction. A
// wrong code counts as a failed login. Afterwards the actor's sessions end, and they come back as the user of a new one.
func (s *Store) withFactor(ctx context.Context, actor authz.Actor, code string, do func(context.Context, pgx.Tx, holdTOTPRow) error) (User, error) {
	var user User
	var refused error
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		q := New(tx)
		u, err := q.getByID(ctx, actor.UserID)
		if err != nil {
			return fmt.Errorf("read user %d: %w", actor.UserID, err)
		}
		t := try{from: actor, typed: u.Username, row: findByNameRow(u)}
		a, err := hold(ctx, q, t.typed, s.now())
		if err != nil {
			return err
		}
		if refused = nil; a.locked(s.now()) {
			refused = errLocked(a.until, s.now())
			return nil
		}
		row, err := q.holdTOTP(ctx, holdTOTPParams{OrgID: actor.OrgID, UserID: actor.UserID})
		if errors.Is(err, pgx.ErrNoRows) {
			return errNotEnrolled()
		}
		if err != nil {
			return fmt.Errorf("read the second factor of user %d: %w", actor.UserID, err)
		}
		factor, err := s.useCode(ctx, q, actor.OrgID, actor.UserID, row, code)
		switch {
		case err != nil:
			return err
		case factor == factorWrong:
			refused = errCode()
			return t.fail(ctx, tx, a.failed(s.now()), factor)
		case factor == factorReplayed:
			refused = errCode()
			return nil
		}
		if err := do(ctx, tx, row); err != nil {
			return err
		}
		if _, err := q.deleteLock(ctx, t.typed); err != nil {
			return err
		}
		if _, err := q.raiseEpoch(ctx, raiseEpochParams{OrgID: actor.OrgID, ID: actor.UserID}); err != nil {
			return err
		}
		user = t.user()
		user.Epoch++
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return user, refused
}

func newRecoveryCodes() ([]string, [][]byte) {
	codes := totp.NewRecoveryCodes()
	hashes := make([][]byte, len(codes))
	for i, code := range codes {
		hashes[i], _ = totp.HashRecovery(code) // it has the shape of one: it was just made
	}
	return codes, hashes
}

// recordFactor audits a change of the actor's second factor, from one state to another where it has changed.
func (s *Store) recordFactor(ctx context.Context, tx pgx.Tx, actor authz.Actor, action string, from, to any) error {
	entry := audit.Entry{Action: action, EntityType: "user", EntityID: known(actor.UserID), Subject: actor.UserID}
	if from != nil {
		entry.Before, entry.After = map[string]any{"two_factor": from}, map[string]any{"two_factor": to}
	}
	return audit.Record(ctx, tx, actor, entry)
}

func errEnrolled() error {
	return errs.New(errs.Conflict, "totp_on", "Two-factor login is on already. Turn it off first if you have a new device.")
}

func errNotEnrolled() error {
	return errs.New(errs.Conflict, "totp_off", "Two-factor login is not set up. Begin with the code to scan.")
}
