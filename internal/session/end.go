package session

import (
	"context"
	"fmt"
)

// End logs out: the request's session is over on every instance when it returns, or within a second where Redis did not
// answer, and its cookie is taken away. Without a session it does nothing but that.
func (s *Sessions) End(ctx context.Context) error {
	v, ok := ctx.Value(visitKey).(*visit)
	if !ok {
		return errOutside
	}
	userID, _, _ := s.UserID(ctx)
	if err := s.scs.Destroy(ctx); err != nil {
		return fmt.Errorf("end a session of user %d: %w", userID, err)
	}
	v.setCookie("", 0)
	return nil
}
