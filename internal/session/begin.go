package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var errOutside = errors.New("the request did not pass the session's middleware")

// Begin logs a user in: it ends the session that the request came with, if any, begins a new one under a new token, and
// sends its cookie. Device and address are shown to the user among their sessions.
func (s *Sessions) Begin(ctx context.Context, userID, epoch int64, device, address string) error {
	return s.begin(ctx, keyUser, lifetime, userID, epoch, device, address)
}

// BeginPending notes that a user has shown their password and has yet to show a second factor. It ends the session that the
// request came with. The new one lasts five minutes and lets nobody in: all it does is answer Pending.
func (s *Sessions) BeginPending(ctx context.Context, userID, epoch int64, device, address string) error {
	return s.begin(ctx, keyPending, pendingLifetime, userID, epoch, device, address)
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

func (s *Sessions) begin(ctx context.Context, key string, life time.Duration, userID, epoch int64, device, address string) error {
	v, ok := ctx.Value(visitKey).(*visit)
	if !ok {
		return errOutside
	}
	if err := s.scs.RenewToken(ctx); err != nil {
		return fmt.Errorf("end the session before that of user %d: %w", userID, err)
	}
	s.scs.SetDeadline(ctx, s.now().Add(life))
	s.scs.Remove(ctx, keyUser)
	s.scs.Remove(ctx, keyPending)
	s.scs.Put(ctx, key, userID)
	s.scs.Put(ctx, keyEpoch, epoch)
	s.scs.Put(ctx, keyDevice, device)
	s.scs.Put(ctx, keyAddress, address)
	token, _, err := s.scs.Commit(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("begin a session of user %d: %w", userID, err), s.scs.Clear(ctx))
	}
	v.setCookie(token, life)
	return nil
}
