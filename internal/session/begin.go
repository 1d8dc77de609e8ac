package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"traitortrack/internal/authz"
)

var errOutside = errors.New("the request did not pass the session's middleware")

// Login is who logs in. Device and address are shown to them among their sessions.
type Login struct {
	UserID, Epoch   int64
	Role            authz.Role
	Device, Address string
}

// Begin logs a user in: it ends the session that the request came with, if any, begins a new one under a new token, and
// sends its cookie.
func (s *Sessions) Begin(ctx context.Context, l Login) error {
	return s.begin(ctx, keyUser, lifetime, l)
}

// BeginPending notes that a user has shown their password and has yet to show a second factor. It ends the session that the
// request came with. The new one lasts five minutes and lets nobody in: all it does is answer Pending.
func (s *Sessions) BeginPending(ctx context.Context, l Login) error {
	return s.begin(ctx, keyPending, pendingLifetime, l)
}

// Pending gives the user whose second factor the request's session waits for, and their epoch when they showed their
// password.
func (s *Sessions) Pending(ctx context.Context) (int64, int64, bool) {
	if ctx.Value(visitKey) == nil {
		return 0, 0, false
	}
	id := s.scs.GetInt64(ctx, keyPending)
	return id, s.scs.GetInt64(ctx, keyEpoch), id != 0
}

func (s *Sessions) begin(ctx context.Context, key string, life time.Duration, l Login) error {
	v, ok := ctx.Value(visitKey).(*visit)
	if !ok {
		return errOutside
	}
	if err := s.scs.RenewToken(ctx); err != nil {
		return fmt.Errorf("end the session before that of user %d: %w", l.UserID, err)
	}
	s.scs.SetDeadline(ctx, s.now().Add(life))
	s.scs.Remove(ctx, keyUser)
	s.scs.Remove(ctx, keyPending)
	s.scs.Put(ctx, key, l.UserID)
	s.scs.Put(ctx, keyEpoch, l.Epoch)
	s.scs.Put(ctx, keyRole, string(l.Role))
	s.scs.Put(ctx, keyDevice, l.Device)
	s.scs.Put(ctx, keyAddress, l.Address)
	token, _, err := s.scs.Commit(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("begin a session of user %d: %w", l.UserID, err), s.scs.Clear(ctx))
	}
	v.setCookie(token, life)
	return nil
}
