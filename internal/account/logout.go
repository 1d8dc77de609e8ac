package account

import (
	"context"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
)

// RecordLogout audits that the actor has ended the session that they asked with.
func (s *Store) RecordLogout(ctx context.Context, actor authz.Actor) error {
	return s.db.Tx(ctx, func(tx pgx.Tx) error { return recordChange(ctx, tx, actor, "logout", actor.UserID, 1) })
}
