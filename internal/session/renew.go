package session

import (
	"context"
	"errors"
	"fmt"

	"traitortrack/internal/authz"
)

// Role gives the role of the user when the request's session got its token, and false where there is no session.
func (s *Sessions) Role(ctx context.Context) (authz.Role, bool) {
	if _, _, ok := s.UserID(ctx); !ok {
		return "", false
	}
	role := s.scs.GetString(ctx, keyRole)
	return authz.Role(role), role != ""
}

// Renew gives the request's session a new token after its user's role has changed, and sends its cookie: who had come by
// the old one does not have the new role with it. The session ends when it would have ended. Of requests that come at
// once, one renews the token, and the others are still answered. A stream has no say in it, and leaves it to the next
// request.
func (s *Sessions) Renew(ctx context.Context, role authz.Role) error {
	v, ok := ctx.Value(visitKey).(*visit)
	if !ok {
		return errOutside
	}
	if ctx.Value(passiveKey) != nil {
		return nil
	}
	until := s.scs.Deadline(ctx)
	err := s.scs.RenewToken(context.WithValue(ctx, soleKey, true))
	if errors.Is(err, errGone) {
		return nil // another request was first
	}
	if err != nil {
		return fmt.Errorf("renew a session: %w", err)
	}
	s.scs.SetDeadline(ctx, until)
	s.scs.Put(ctx, keyRole, string(role))
	token, _, err := s.scs.Commit(ctx)
	if err != nil {
		return fmt.Errorf("renew a session: %w", err)
	}
	v.setCookie(token, until.Sub(s.now()))
	return nil
}
