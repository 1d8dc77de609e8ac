package account

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
)

// SetPassword gives a user of the actor's organization a new password in the caller's transaction, and ends all of
// their sessions within a second of its commit.
func SetPassword(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID int64, password string) error {
	if err := ValidatePassword(password); err != nil {
		return err
	}
	n, err := New(tx).setPassword(ctx, setPasswordParams{PasswordHash: HashPassword(password), OrgID: actor.OrgID, ID: userID})
	if err != nil {
		return fmt.Errorf("set the password of user %d: %w", userID, err)
	}
	return recordChange(ctx, tx, actor, "set_password", userID, n)
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
	return audit.Record(ctx, tx, actor, audit.Entry{Action: action, EntityType: "user", EntityID: strconv.FormatInt(userID, 10), Subject: userID})
}
