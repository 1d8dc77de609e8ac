package people

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
)

// Tokens gives the API tokens of a user of the actor's organization, the newest first. It refuses with user_not_found.
func (s *Store) Tokens(ctx context.Context, actor authz.Actor, username string) ([]account.Token, error) {
	if err := actor.Require(authz.Users); err != nil {
		return nil, err
	}
	id, err := New(s.db.For(ctx)).idOf(ctx, idOfParams{OrgID: actor.OrgID, Username: account.Clean(username)})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNobody()
	}
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("find a user of organization %d: %w", actor.OrgID, err))
	}
	tokens, err := account.TokensOf(ctx, s.db.For(ctx), actor.OrgID, id)
	return tokens, pg.Refusal(err)
}

// RevokeToken ends a token of a user, on every instance within a second. It refuses with user_not_found and token_not_found.
func (s *Store) RevokeToken(ctx context.Context, actor authz.Actor, username string, id int64) error {
	_, err := s.change(ctx, actor, username, func(tx pgx.Tx, who held) error {
		return account.RevokeTokenOf(ctx, tx, actor, who.id, id)
	})
	return err
}
