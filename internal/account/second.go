package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

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
