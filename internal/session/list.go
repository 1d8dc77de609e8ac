package session

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Session is one of the places where a user is logged in.
type Session struct {
	ID       string // names the session, and is no token of it
	Device   string
	Address  string
	Began    time.Time
	LastUsed time.Time // to the minute
	Present  bool      // it is the one that asks
}

// maxListed bounds how many sessions of one user are shown.
const maxListed = 100

// List gives the sessions of a user that go on, the one used last first.
func (s *Sessions) List(ctx context.Context, userID int64) ([]Session, error) {
	now := s.now()
	rows, err := New(s.store.db.For(ctx)).listSessions(ctx, listSessionsParams{UserID: userID, Now: now, UsedSince: now.Add(-idleLimit), Most: maxListed})
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("list the sessions of user %d: %w", userID, err))
	}
	present := ""
	if ctx.Value(visitKey) != nil {
		present = string(hashOf(s.scs.Token(ctx)))
	}
	list := make([]Session, len(rows))
	for i, r := range rows {
		list[i] = Session{ID: base64.RawURLEncoding.EncodeToString(r.TokenHash), Device: r.Device, Address: r.Address,
			Began: r.CreatedAt, LastUsed: r.LastUsedAt, Present: string(r.TokenHash) == present}
	}
	return list, nil
}

// EndOne ends one session of a user, on every instance, or refuses with session_not_found.
func (s *Sessions) EndOne(ctx context.Context, userID int64, id string) error {
	hash, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil {
		return errNoSession()
	}
	theirs, err := New(s.store.db.For(ctx)).isSessionOf(ctx, isSessionOfParams{TokenHash: hash, UserID: userID})
	if err != nil {
		return pg.Refusal(fmt.Errorf("find a session of user %d: %w", userID, err))
	}
	if !theirs {
		return errNoSession()
	}
	return s.store.end(ctx, hash)
}

func errNoSession() error {
	return errs.New(errs.NotFound, "session_not_found", "There is no such session of yours. It may have ended already.")
}
