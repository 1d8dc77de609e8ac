package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// ActorByToken gives whom an API token acts for, as they are now: a token of somebody who was an admin is worth what their
// role is today. One that is unknown, revoked or expired, or whose owner is shut out, is unauthenticated; any of that is
// known within a second. Reading says that the request asks and changes nothing.
func (s *Store) ActorByToken(ctx context.Context, secret string, reading bool) (authz.Actor, error) {
	if !tokenShaped(secret) {
		return authz.Actor{}, errToken()
	}
	hash := string(hashToken(secret))
	g, err := s.grants.get(ctx, hash, hash, func(grant) bool { return true })
	if err != nil {
		return authz.Actor{}, err
	}
	if !s.now().Before(g.expires) {
		return authz.Actor{}, errToken()
	}
	st, err := s.standing.get(ctx, g.userID, 0)
	if err != nil {
		return authz.Actor{}, err
	}
	if !st.active || st.actor.OrgID != g.orgID {
		return authz.Actor{}, errToken()
	}
	actor := st.actor
	actor.TokenID, actor.Scopes, actor.Reading = g.tokenID, g.scopes, reading
	return actor, nil
}

// grant is what a token's row says.
type grant struct {
	tokenID, orgID, userID int64
	scopes                 authz.Scopes
	expires                time.Time
}

// tokenUseEvery is how often the last use of a token is written at most.
const tokenUseEvery = time.Minute

// readGrant reads a token's row by its hash, and notes that it is used. What it compares is a hash of what was sent, so
// that the time of the search tells nothing of a token.
func (s *Store) readGrant(ctx context.Context, hash string) (grant, error) {
	q, now := New(s.db.For(ctx)), s.now()
	row, err := q.findToken(ctx, []byte(hash))
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !now.Before(row.ExpiresAt) {
		return grant{}, errToken()
	}
	if err != nil {
		return grant{}, pg.Refusal(fmt.Errorf("find a token: %w", err))
	}
	scopes, err := authz.ParseScopes(row.Scopes)
	if err != nil {
		return grant{}, fmt.Errorf("token %d: %w", row.ID, err)
	}
	if row.LastUsedAt == nil || now.Sub(*row.LastUsedAt) >= tokenUseEvery {
		err := q.touchToken(ctx, touchTokenParams{Now: now, OrgID: row.OrgID, ID: row.ID, NotSince: now.Add(-tokenUseEvery)})
		if err != nil {
			return grant{}, pg.Refusal(fmt.Errorf("write the last use of token %d: %w", row.ID, err))
		}
	}
	return grant{tokenID: row.ID, orgID: row.OrgID, userID: row.UserID, scopes: scopes, expires: row.ExpiresAt}, nil
}

func errToken() error {
	return errs.New(errs.Unauthenticated, "unauthenticated", "This token is not good: it is mistyped, was revoked or has expired. Make another on the page /account.")
}
