package account

import (
	"context"

	"traitortrack/internal/pg"
)

// Fits reports whether a password is the one of a user, without a login: nothing is counted or recorded.
func (s *Store) Fits(ctx context.Context, username, password string) (bool, error) {
	row, err := find(ctx, New(s.db.For(ctx)), cleanName(username))
	if err != nil {
		return false, pg.Refusal(err)
	}
	return s.check(ctx, row.PasswordHash, password)
}
