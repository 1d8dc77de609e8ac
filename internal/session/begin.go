package session

import (
	"context"
	"errors"
	"fmt"
)

var errOutside = errors.New("the request did not pass the session's middleware")

// Begin logs a user in: it ends the session that the request came with, if any, begins a new one under a new token, and
// sends its cookie. Device and address are shown to the user among their sessions.
func (s *Sessions) Begin(ctx context.Context, userID, epoch int64, device, address string) error {
	v, ok := ctx.Value(visitKey).(*visit)
	if !ok {
		return errOutside
	}
	if err := s.scs.RenewToken(ctx); err != nil {
		return fmt.Errorf("end the session before that of user %d: %w", userID, err)
	}
	s.scs.SetDeadline(ctx, s.now().Add(lifetime))
	s.scs.Put(ctx, keyUser, userID)
	s.scs.Put(ctx, keyEpoch, epoch)
	s.scs.Put(ctx, keyDevice, device)
	s.scs.Put(ctx, keyAddress, address)
	token, _, err := s.scs.Commit(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("begin a session of user %d: %w", userID, err), s.scs.Clear(ctx))
	}
	v.setCookie(token, lifetime)
	return nil
}
