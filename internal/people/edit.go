package people

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
)

// Change is what is to be different about a user. A nil member stays as it is; an empty address or area is taken away.
type Change struct {
	Email *string
	Role  *authz.Role
	Area  *string
}

// Edit changes a user's mail address, role or dispatch area, and gives them as they are then. It is known on every instance
// within a second; where the new role may do less, the user's sessions end. Nobody changes their own role (own_role), and
// the last admin stays one (last_admin).
func (s *Store) Edit(ctx context.Context, actor authz.Actor, username string, c Change) (Person, error) {
	return s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		to, err := who.with(c)
		if err != nil {
			return err
		}
		if err := mayGive(actor.UserID, who.id, who.role, to.role); err != nil {
			return err
		}
		if to == who.profile {
			return nil
		}
		err = New(tx).edit(ctx, editParams{Email: to.email, Role: string(to.role), Area: to.area, OrgID: actor.OrgID, ID: who.id})
		if err != nil {
			return fmt.Errorf("edit user %d: %w", who.id, err)
		}
		if takesAway(who.role, to.role) {
			if err := account.EndSessions(ctx, tx, actor, who.id); err != nil {
				return err
			}
		}
		return who.recordEdit(ctx, tx, actor, to)
	})
}

// recordEdit audits a change of role as an event of its own.
func (h held) recordEdit(ctx context.Context, tx pgx.Tx, actor authz.Actor, to profile) error {
	if to.role != h.role {
		err := h.record(ctx, tx, actor, audit.Entry{Action: "role_change",
			Before: map[string]any{"role": h.role}, After: map[string]any{"role": to.role}})
		if err != nil {
			return err
		}
	}
	if to.area == h.area && to.email == h.email {
		return nil
	}
	return h.record(ctx, tx, actor, audit.Entry{Action: "edit_user",
		Before: map[string]any{"area": h.area}, After: map[string]any{"area": to.area},
		Personal: audit.Personal{Before: map[string]any{"email": h.email}, After: map[string]any{"email": to.email}}})
}
