package account

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
)

// Login checks a name and a password, and gives the user. From tells where the request comes from (address, device,
// request). A wrong name, a wrong password and an account that is shut are all invalid_credentials, in the same time.
func (s *Store) Login(ctx context.Context, from authz.Actor, username, password string) (User, error) {
	typed := cleanName(username)
	row, err := s.find(ctx, typed)
	if err != nil {
		return User{}, err
	}
	right, err := s.check(ctx, row.PasswordHash, password)
	if err != nil {
		return User{}, err
	}
	if !right || !row.Active {
		if err := s.record(ctx, from, "login_failed", row, typed); err != nil {
			return User{}, err
		}
		return User{}, errCredentials()
	}
	from.UserID = row.ID
	if err := s.record(ctx, from, "login_success", row, row.Username); err != nil {
		return User{}, err
	}
	return User{ID: row.ID, OrgID: row.OrgID, Username: row.Username, Role: authz.Role(row.Role), Area: row.Area, Epoch: row.SessionEpoch}, nil
}

// find gives the user of a name, or one without id and password.
func (s *Store) find(ctx context.Context, typed string) (findByNameRow, error) {
	row, err := New(s.db.Pool()).findByName(ctx, typed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return row, pg.Refusal(fmt.Errorf("find a user by name: %w", err))
	}
	return row, nil
}

// recordTimeout bounds the audit of a login, which a client cannot escape by going away.
const recordTimeout = 5 * time.Second

// record audits a login. A name that nobody has belongs to no organization.
func (s *Store) record(ctx context.Context, from authz.Actor, action string, row findByNameRow, typed string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	from.OrgID = row.OrgID
	entry := audit.Entry{Action: action, EntityType: "user", Subject: row.ID, Personal: audit.Personal{Details: map[string]any{"username": typed}}}
	if row.ID != 0 {
		entry.EntityID = strconv.FormatInt(row.ID, 10)
	}
	return s.db.Tx(ctx, func(tx pgx.Tx) error { return audit.Record(ctx, tx, from, entry) })
}
