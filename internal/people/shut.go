package people

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
)

// Deactivate shuts a user out: their sessions end within a second, their links are not good any more, and nobody logs in as
// them. What they did stays. Nobody does it to themselves (own_account), and the last admin stays (last_admin).
func (s *Store) Deactivate(ctx context.Context, actor authz.Actor, username string) (Person, error) {
	return s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		if err := maySteer(actor.UserID, who.id, "Another admin can deactivate it."); err != nil || !who.active {
			return err
		}
		if err := switchTo(ctx, tx, actor, who, false); err != nil {
			return err
		}
		if err := account.DropLinks(ctx, tx, actor.OrgID, who.id); err != nil {
			return err
		}
		return account.EndSessions(ctx, tx, actor, who.id)
	})
}

// Reactivate lets a user in again who was shut out, with the password that they had.
func (s *Store) Reactivate(ctx context.Context, actor authz.Actor, username string) (Person, error) {
	return s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		if who.active {
			return nil
		}
		return switchTo(ctx, tx, actor, who, true)
	})
}

func switchTo(ctx context.Context, tx pgx.Tx, actor authz.Actor, who held, active bool) error {
	if err := New(tx).setActive(ctx, setActiveParams{Active: active, OrgID: actor.OrgID, ID: who.id}); err != nil {
		return fmt.Errorf("set whether user %d is active: %w", who.id, err)
	}
	action := "deactivate_user"
	if active {
		action = "reactivate_user"
	}
	return who.record(ctx, tx, actor, audit.Entry{Action: action, Before: map[string]any{"active": !active}, After: map[string]any{"active": active}})
}
