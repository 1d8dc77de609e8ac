package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Link is a password link with its token, which is known here and nowhere else: the database has the SHA-256 of it.
type Link struct {
	Purpose      string // reset or invitation
	Token        string // 43 characters of base64url
	Until        time.Time
	UserID       int64
	Username     string
	Email        string // empty where there is none
	Organization string
	TimeZone     string
}

// ErrNoLink is for a link that can no longer be used, or whose user cannot.
var ErrNoLink = errors.New("the link was used, is too old or belongs to nobody who may log in")

const tokenBytes = 32

// Mint gives a password link a new token in the caller's transaction. The one before, if there was one, is worthless
// then. A link that is of no use is ErrNoLink.
func Mint(ctx context.Context, tx pgx.Tx, orgID, linkID int64, now time.Time) (Link, error) {
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // it never fails: it ends the program
	token := base64.RawURLEncoding.EncodeToString(secret)
	row, err := New(tx).mintLink(ctx, mintLinkParams{TokenHash: TokenHash(token), OrgID: orgID, ID: linkID, Now: now})
	if errors.Is(err, pgx.ErrNoRows) {
		return Link{}, ErrNoLink
	}
	if err != nil {
		return Link{}, fmt.Errorf("make the token of link %d: %w", linkID, err)
	}
	return Link{Purpose: row.Purpose, Token: token, Until: row.ExpiresAt, UserID: row.UserID, Username: row.Username, Email: row.Email,
		Organization: row.Organization, TimeZone: row.TimeZone}, nil
}

// TokenHash is what password_link keeps of a token.
func TokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Path is the page of the link.
func (l Link) Path() string { return "/password/" + l.Token }
