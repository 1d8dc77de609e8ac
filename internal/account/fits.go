package account

import "context"

// Fits reports whether a password is the one of a user, without a login: nothing is counted or recorded.
func (s *Store) Fits(ctx context.Context, username, password string) (bool, error) {
	row, err := s.find(ctx, cleanName(username))
	if err != nil {
		return false, err
	}
	return s.check(ctx, row.PasswordHash, password)
}
