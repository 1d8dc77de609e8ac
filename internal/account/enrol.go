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
	Required  bool // their role has to have it
	CodesLeft int  // recovery codes that are still good
}

// TwoFactorOf gives the actor's own.
func (s *Store) TwoFactorOf(ctx context.Context, actor authz.Actor) (TwoFactor, error) {
	if err := actor.Require(authz.Self); err != nil {
		return TwoFactor{}, err
	}
	q := New(s.db.For(ctx))
	row, err := q.getStanding(ctx, actor.UserID)
	if err != nil {
		return TwoFactor{}, pg.Refusal(fmt.Errorf("read user %d: %w", actor.UserID, err))
	}
	left, err := q.countRecoveryCodes(ctx, countRecoveryCodesParams{OrgID: actor.OrgID, UserID: actor.UserID})
	return TwoFactor{On: row.Enrolled, Required: s.NeedsTOTP(actor.Role), CodesLeft: int(left)}, pg.Refusal(err)
}

// BeginEnrolment makes a secret for the actor and keeps it sealed. It does nothing to their logins until Enrol. One that
// was begun before and not finished is replaced.
func (s *Store) BeginEnrolment(ctx context.Context, actor authz.Actor) (Enrolment, error) {
	if err := actor.Require(authz.Self); err != nil {
		return Enrolment{}, err
	}
	begun, keyID, sealed, err := s.newSecret(actor)
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
		return recordFactor(ctx, tx, actor, actor.UserID, "totp_begin", nil, nil)
	})
	return begun, err
}

// newSecret makes a secret for a device of the actor's: as they put it into their app, and as it is kept.
func (s *Store) newSecret(actor authz.Actor) (Enrolment, string, []byte, error) {
	secret := totp.NewSecret()
	uri, err := totp.URI(issuer, actor.Username, secret)
	if err != nil {
		return Enrolment{}, "", nil, err
	}
	keyID, sealed, err := s.Keys.seal(secret, actor.OrgID, actor.UserID)
	return Enrolment{URI: uri, Secret: totp.Text(secret)}, keyID, sealed, err
}

// Begun gives the actor's enrolment that was begun and is not finished, their first or that of another device, and false
// where there is none.
func (s *Store) Begun(ctx context.Context, actor authz.Actor) (Enrolment, bool, error) {
	if err := actor.Require(authz.Self); err != nil {
		return Enrolment{}, false, err
	}
	row, err := New(s.db.For(ctx)).getBegun(ctx, getBegunParams{OrgID: actor.OrgID, UserID: actor.UserID, Since: s.now().Add(-replaceWithin)})
	if errors.Is(err, pgx.ErrNoRows) {
		return Enrolment{}, false, nil
	}
	if err != nil {
		return Enrolment{}, false, pg.Refusal(fmt.Errorf("read the enrolment of user %d: %w", actor.UserID, err))
	}
	secret, _, err := s.Keys.open(row.KeyID, row.Sealed, actor.OrgID, actor.UserID)
	if errors.Is(err, errNoKey) {
		return Enrolment{}, false, nil // the key has changed: another secret is as good
	}
	if err != nil {
		return Enrolment{}, false, fmt.Errorf("open the enrolment of user %d: %w", actor.UserID, err)
	}
	uri, err := totp.URI(issuer, actor.Username, secret)
	return Enrolment{URI: uri, Secret: totp.Text(secret)}, true, err
}

// Enrol turns two-factor login on, once the actor's app shows the right code, or moves it to the device that Replace began
// with. It gives ten recovery codes, which are shown once, and the user for a new session: all others end.
func (s *Store) Enrol(ctx context.Context, actor authz.Actor, code string) ([]string, User, error) {
	if err := actor.Require(authz.Self); err != nil {
		return nil, User{}, err
	}
	codes, hashes := newRecoveryCodes()
	user, err := s.withFactor(ctx, actor, s.byNewDevice(actor, code), func(ctx context.Context, tx pgx.Tx, row holdTOTPRow) error {
		if err := renewCodes(ctx, New(tx), actor, hashes); err != nil {
			return err
		}
		return recordFactor(ctx, tx, actor, actor.UserID, "totp_enable", row.Confirmed, true)
	})
	if err != nil {
		return nil, User{}, err
	}
	return codes, user, nil
}

// RenewRecoveryCodes gives ten new recovery codes, for who shows a code; none of the old ones is good any more.
func (s *Store) RenewRecoveryCodes(ctx context.Context, actor authz.Actor, code string) ([]string, User, error) {
	if err := actor.Require(authz.Self); err != nil {
		return nil, User{}, err
	}
	codes, hashes := newRecoveryCodes()
	user, err := s.withFactor(ctx, actor, s.byCode(actor, code), func(ctx context.Context, tx pgx.Tx, row holdTOTPRow) error {
		if !row.Confirmed {
			return errNotEnrolled()
		}
		if err := renewCodes(ctx, New(tx), actor, hashes); err != nil {
			return err
		}
		return recordFactor(ctx, tx, actor, actor.UserID, "renew_recovery_codes", nil, nil)
	})
	if err != nil {
		return nil, User{}, err
	}
	return codes, user, nil
}

// renewCodes puts new recovery codes in the place of all that there are.
func renewCodes(ctx context.Context, q *Queries, actor authz.Actor, hashes [][]byte) error {
	if err := q.deleteRecoveryCodes(ctx, deleteRecoveryCodesParams{OrgID: actor.OrgID, UserID: actor.UserID}); err != nil {
		return err
	}
	return q.insertRecoveryCodes(ctx, insertRecoveryCodesParams{OrgID: actor.OrgID, UserID: actor.UserID, CodeHashes: hashes})
}

// withFactor checks the actor's second factor, and does something about it in the same transaction. A wrong code counts as
// a failed login. Afterwards the actor's sessions end, and they come back as the user of a new one.
func (s *Store) withFactor(ctx context.Context, actor authz.Actor, check factorCheck, do factorChange) (User, error) {
	var user User
	var refused error
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		user, refused, err = s.changeFactor(ctx, tx, actor, check, do)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return user, refused
}

// factorChange does something about the second factor of a row that is held, when the check has passed.
type factorChange func(ctx context.Context, tx pgx.Tx, row holdTOTPRow) error

// changeFactor is withFactor within its transaction. A refusal comes apart from an error, which would undo that it was counted.
func (s *Store) changeFactor(ctx context.Context, tx pgx.Tx, actor authz.Actor, check factorCheck, do factorChange) (User, error, error) {
	q := New(tx)
	u, err := q.getByID(ctx, actor.UserID)
	if err != nil {
		return User{}, nil, fmt.Errorf("read user %d: %w", actor.UserID, err)
	}
	t := try{from: actor, typed: u.Username, row: findByNameRow(u)}
	a, err := hold(ctx, q, t.typed, s.now())
	if err != nil {
		return User{}, nil, err
	}
	if a.locked(s.now()) {
		return User{}, errLocked(a.until, s.now()), nil
	}
	row, err := q.holdTOTP(ctx, holdTOTPParams{OrgID: actor.OrgID, UserID: actor.UserID})
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, nil, errNotEnrolled()
	}
	if err != nil {
		return User{}, nil, fmt.Errorf("read the second factor of user %d: %w", actor.UserID, err)
	}
	factor, err := check(ctx, q, row)
	switch {
	case err != nil:
		return User{}, nil, err
	case factor == factorWrong:
		return User{}, errCode(), t.fail(ctx, tx, a.failed(s.now()), factor)
	case factor == factorReplayed:
		return User{}, errCode(), nil
	}
	if err := do(ctx, tx, row); err != nil {
		return User{}, nil, err
	}
	user, err := t.renew(ctx, q)
	return user, nil, err
}

// renew forgets the failures of who has proven themselves, ends their sessions, and gives them as the user of a new one.
func (t try) renew(ctx context.Context, q *Queries) (User, error) {
	if _, err := q.deleteLock(ctx, t.typed); err != nil {
		return User{}, fmt.Errorf("forget the failures of user %d: %w", t.row.ID, err)
	}
	if _, err := q.raiseEpoch(ctx, raiseEpochParams{OrgID: t.row.OrgID, ID: t.row.ID}); err != nil {
		return User{}, fmt.Errorf("end the sessions of user %d: %w", t.row.ID, err)
	}
	user := t.user()
	user.Epoch++
	return user, nil
}

// NeedsTOTP reports whether a role has to have two-factor login.
func (s *Store) NeedsTOTP(role authz.Role) bool { return s.RequireAdmin2FA && role == authz.Admin }

func newRecoveryCodes() ([]string, [][]byte) {
	codes := totp.NewRecoveryCodes()
	hashes := make([][]byte, len(codes))
	for i, code := range codes {
		hashes[i], _ = totp.HashRecovery(code) // it has the shape of one: it was just made
	}
	return codes, hashes
}

// recordFactor audits a change of a user's second factor, from one state to another where it has changed.
func recordFactor(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64, action string, from, to any) error {
	entry := audit.Entry{Action: action, EntityType: "user", EntityID: known(userID), Subject: userID}
	if from != nil {
		entry.Before, entry.After = map[string]any{"two_factor": from}, map[string]any{"two_factor": to}
	}
	return audit.Record(ctx, tx, actor, entry)
}

func errEnrolled() error {
	return errs.New(errs.Conflict, "totp_on", "Two-factor login is on already. Replace it if you have a new device.")
}

func errNotEnrolled() error {
	return errs.New(errs.Conflict, "totp_off", "Two-factor login is not set up. Begin with the code to scan.")
}
