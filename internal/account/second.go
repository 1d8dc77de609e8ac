package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/totp"
)

// What a login was proven with, or why it was not. They stand in the audit log.
const (
	factorNone     = "password"
	factorTOTP     = "totp"
	factorRecovery = "recovery code"
	factorMissing  = "code missing"
	factorReplayed = "code used before"
	factorWrong    = "wrong code"
)

func errCodeRequired() error {
	return errs.New(errs.Unauthenticated, "totp_required", "Type the code that your authenticator app shows, or a recovery code.")
}

func errCode() error {
	e := errs.New(errs.Unauthenticated, "invalid_totp", "This code is not right, or was used before. Wait for the next one and try again.")
	e.Field = "code"
	return e
}

// secondFactor checks the code of a try, where its user has two-factor login, and uses it up. It gives the factor, and the
// refusal where the login does not go on.
func (s *Store) secondFactor(ctx context.Context, q *Queries, t try) (string, error, error) {
	row, err := q.holdTOTP(ctx, holdTOTPParams{OrgID: t.row.OrgID, UserID: t.row.ID})
	switch {
	case errors.Is(err, pgx.ErrNoRows) || err == nil && !row.Confirmed:
		return factorNone, nil, nil
	case err != nil:
		return "", nil, fmt.Errorf("read the second factor of user %d: %w", t.row.ID, err)
	case t.code == "":
		return factorMissing, errCodeRequired(), nil
	}
	factor, err := s.useCode(ctx, q, t.row.OrgID, t.row.ID, row, t.code)
	if err != nil {
		return "", nil, err
	}
	if factor != factorTOTP && factor != factorRecovery {
		return factor, errCode(), nil
	}
	return factor, nil, nil
}

// replaceWithin is how long another device may be confirmed after it was begun with.
const replaceWithin = 15 * time.Minute

// factorCheck looks whether somebody has the second factor of a row that is held, and gives what they proved it with.
type factorCheck func(ctx context.Context, q *Queries, row holdTOTPRow) (string, error)

// byCode is proof by a code of the actor's device, or a recovery code.
func (s *Store) byCode(actor authz.Actor, code string) factorCheck {
	return func(ctx context.Context, q *Queries, row holdTOTPRow) (string, error) {
		return s.useCode(ctx, q, actor.OrgID, actor.UserID, row, code)
	}
}

// byNewDevice is proof by a code of the device that is being set up, which counts from then on. A recovery code proves no
// device.
func (s *Store) byNewDevice(actor authz.Actor, code string) factorCheck {
	return func(ctx context.Context, q *Queries, row holdTOTPRow) (string, error) {
		keyID, sealed := row.KeyID, row.Sealed
		if row.Confirmed {
			if row.NextAt == nil || !row.NextAt.After(s.now().Add(-replaceWithin)) {
				return "", errEnrolled()
			}
			keyID, sealed = row.NextKeyID, row.NextSealed
		}
		secret, _, err := s.Keys.open(keyID, sealed, actor.OrgID, actor.UserID)
		if err != nil {
			return "", fmt.Errorf("open the new second factor of user %d: %w", actor.UserID, err)
		}
		verdict, step := totp.Check(secret, code, s.now(), 0)
		if verdict != totp.Right {
			return factorWrong, nil
		}
		return factorTOTP, q.confirmTOTP(ctx, confirmTOTPParams{KeyID: keyID, Sealed: sealed, Step: step, Now: s.now(), OrgID: actor.OrgID, UserID: actor.UserID})
	}
}

// useCode checks a code against a row that is held, and uses it up when it is right.
func (s *Store) useCode(ctx context.Context, q *Queries, orgID, userID int64, row holdTOTPRow, code string) (string, error) {
	if hash, shaped := totp.HashRecovery(code); shaped {
		n, err := q.useRecoveryCode(ctx, useRecoveryCodeParams{Now: s.now(), OrgID: orgID, UserID: userID, CodeHash: hash})
		if err != nil || n == 0 {
			return factorWrong, err
		}
		return factorRecovery, nil
	}
	secret, current, err := s.Keys.open(row.KeyID, row.Sealed, orgID, userID)
	if err != nil {
		return "", fmt.Errorf("open the second factor of user %d: %w", userID, err)
	}
	verdict, step := totp.Check(secret, code, s.now(), row.LastStep)
	switch verdict {
	case totp.Wrong:
		return factorWrong, nil
	case totp.Replayed:
		return factorReplayed, nil
	}
	n, err := q.useStep(ctx, useStepParams{Step: step, OrgID: orgID, UserID: userID})
	if err != nil || n == 0 {
		return factorReplayed, err
	}
	if current {
		return factorTOTP, nil
	}
	keyID, sealed, err := s.Keys.seal(secret, orgID, userID)
	if err == nil {
		err = q.resealTOTP(ctx, resealTOTPParams{KeyID: keyID, Sealed: sealed, OrgID: orgID, UserID: userID})
	}
	return factorTOTP, err
}
