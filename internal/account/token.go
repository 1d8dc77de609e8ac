package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Token is an API token of somebody, without the secret: that is shown once and kept as its hash.
type Token struct {
	ID       int64
	Name     string
	Prefix   string // how the token begins, by which its owner knows it
	Scopes   authz.Scopes
	Created  time.Time
	Expires  time.Time
	LastUsed time.Time // to the minute, zero for never
}

// NewToken is a token to be made, for so many days.
type NewToken struct {
	Name   string
	Scopes authz.Scopes
	Days   int
}

// A token is tokenMark and 52 letters and digits, 260 bits. tokenPrefix characters of it are shown among its owner's tokens.
const (
	tokenMark   = "tt_"
	tokenLength = len(tokenMark) + 2*26
	tokenPrefix = len(tokenMark) + 6
)

// CreateToken makes a token that acts for the actor within its scopes, and gives it with its secret, which cannot be had
// again. A scope that the actor's role has no use for is invalid_scopes; more than maxTokens are too_many_tokens.
func (s *Store) CreateToken(ctx context.Context, actor authz.Actor, n NewToken) (Token, string, error) {
	if err := actor.Require(authz.Self); err != nil {
		return Token{}, "", err
	}
	n.Name = cleanName(n.Name)
	if err := checkToken(n); err != nil {
		return Token{}, "", err
	}
	secret := tokenMark + rand.Text() + rand.Text()
	now := s.now()
	t := Token{Name: n.Name, Prefix: secret[:tokenPrefix], Scopes: n.Scopes, Created: now, Expires: now.AddDate(0, 0, n.Days)}
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		t.ID, err = writeToken(ctx, tx, actor, t, secret)
		return err
	})
	if err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

// writeToken holds the owner, looks whether they may have one more, and writes it.
func writeToken(ctx context.Context, tx pgx.Tx, actor authz.Actor, t Token, secret string) (int64, error) {
	q := New(tx)
	role, err := q.holdOwner(ctx, holdOwnerParams{OrgID: actor.OrgID, ID: actor.UserID})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, errEnded()
	}
	if err != nil {
		return 0, fmt.Errorf("hold user %d: %w", actor.UserID, err)
	}
	has, err := q.countTokens(ctx, countTokensParams{OrgID: actor.OrgID, UserID: actor.UserID})
	if err != nil {
		return 0, fmt.Errorf("count the tokens of user %d: %w", actor.UserID, err)
	}
	if err := mayHave(authz.Role(role), t.Scopes, has); err != nil {
		return 0, err
	}
	id, err := q.insertToken(ctx, insertTokenParams{OrgID: actor.OrgID, UserID: actor.UserID, Name: t.Name, Prefix: t.Prefix,
		TokenHash: hashToken(secret), Scopes: t.Scopes.Names(), CreatedAt: t.Created, ExpiresAt: t.Expires})
	if err != nil {
		return 0, fmt.Errorf("make a token of user %d: %w", actor.UserID, err)
	}
	return id, audit.Record(ctx, tx, actor, audit.Entry{Action: "create_token", EntityType: "token", EntityID: strconv.FormatInt(id, 10), Subject: actor.UserID,
		After:    map[string]any{"prefix": t.Prefix, "scopes": t.Scopes.Names(), "expires_at": t.Expires},
		Personal: audit.Personal{After: map[string]any{"name": t.Name}}})
}

// Tokens gives the actor's own tokens, the newest first, and those that have expired a little while ago among them.
func (s *Store) Tokens(ctx context.Context, actor authz.Actor) ([]Token, error) {
	if err := actor.Require(authz.Self); err != nil {
		return nil, err
	}
	list, err := TokensOf(ctx, s.db.For(ctx), actor.OrgID, actor.UserID)
	return list, pg.Refusal(err)
}

// TokensOf gives a user's tokens as Tokens does. Who may ask is for the caller to say.
func TokensOf(ctx context.Context, db DBTX, orgID, userID int64) ([]Token, error) {
	rows, err := New(db).listTokens(ctx, listTokensParams{OrgID: orgID, UserID: userID})
	if err != nil {
		return nil, fmt.Errorf("list the tokens of user %d: %w", userID, err)
	}
	list := make([]Token, len(rows))
	for i, r := range rows {
		scopes, err := authz.ParseScopes(r.Scopes)
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", r.ID, err)
		}
		list[i] = Token{ID: r.ID, Name: r.Name, Prefix: r.Prefix, Scopes: scopes, Created: r.CreatedAt, Expires: r.ExpiresAt, LastUsed: orZero(r.LastUsedAt)}
	}
	return list, nil
}

// RevokeToken ends one of the actor's own tokens, on every instance within a second, or refuses with token_not_found.
func (s *Store) RevokeToken(ctx context.Context, actor authz.Actor, id int64) error {
	if err := actor.Require(authz.Self); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx pgx.Tx) error { return RevokeTokenOf(ctx, tx, actor, actor.UserID, id) })
}

// RevokeTokenOf ends a token of a user of the actor's organization in the caller's transaction. Who may is for the caller to
// say.
func RevokeTokenOf(ctx context.Context, tx pgx.Tx, actor authz.Actor, userID, id int64) error {
	was, err := New(tx).deleteToken(ctx, deleteTokenParams{OrgID: actor.OrgID, UserID: userID, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return errs.New(errs.NotFound, "token_not_found", "There is no such token. It may have been revoked already.")
	}
	if err != nil {
		return fmt.Errorf("revoke token %d: %w", id, err)
	}
	return audit.Record(ctx, tx, actor, audit.Entry{Action: "revoke_token", EntityType: "token", EntityID: strconv.FormatInt(id, 10), Subject: userID,
		Before:   map[string]any{"prefix": was.Prefix, "scopes": was.Scopes},
		Personal: audit.Personal{Before: map[string]any{"name": was.Name}}})
}

// tokenMemory is how long an expired token is still shown to its owner.
const tokenMemory = 30 * 24 * time.Hour

// SweepTokens forgets the tokens that expired a while ago. A periodic job calls it.
func (s *Store) SweepTokens(ctx context.Context) error {
	if err := New(s.db.For(ctx)).deleteOldTokens(ctx, s.now().Add(-tokenMemory)); err != nil {
		return pg.Refusal(fmt.Errorf("forget old tokens: %w", err))
	}
	return nil
}

// hashToken gives the hash under which a token is kept. A token is long and random: nobody finds one by trying, however
// fast its hash is.
func hashToken(secret string) []byte {
	hash := sha256.Sum256([]byte(secret))
	return hash[:]
}

// tokenShaped reports whether a text can be one of our tokens. Others are not worth a query.
func tokenShaped(text string) bool {
	return len(text) == tokenLength && strings.HasPrefix(text, tokenMark)
}
