package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pg"
)

// ByName finds a user by name, in any organization and in the caller's transaction, for the commands of operators. A
// name that nobody has is user_not_found.
func ByName(ctx context.Context, tx pg.Tx, username string) (User, error) {
	row, err := New(tx).findByName(ctx, cleanName(username))
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, errNoUser()
	}
	if err != nil {
		return User{}, fmt.Errorf("find a user by name: %w", err)
	}
	return try{row: row}.user(), nil
}
