package account

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
)

// NewUser is a user to be made. Email and Area may be empty.
type NewUser struct {
	OrgID    int64
	Username string
	Email    string
	Role     authz.Role
	Area     string
	Password string

	AnyPassword bool // even a common one, as for a demo
}

// Create makes a user in the caller's transaction and gives their id. What is wrong with the user is refused with the
// field named; a name that somebody has, in any organization, is user_exists.
func Create(ctx context.Context, tx pgx.Tx, n NewUser) (int64, error) {
	n = n.clean()
	if err := checkNew(n); err != nil {
		return 0, err
	}
	return insert(ctx, tx, authz.Actor{OrgID: n.OrgID}, n, HashPassword(n.Password))
}

// Invite makes a user of the actor's organization who has no password: nobody can log in as them before they have set one by
// a link. It refuses like Create.
func Invite(ctx context.Context, tx pgx.Tx, actor authz.Actor, n NewUser) (int64, error) {
	n.OrgID = actor.OrgID
	n = n.clean()
	if err := checkProfile(n); err != nil {
		return 0, err
	}
	return insert(ctx, tx, actor, n, noPassword)
}

// noPassword stands where a hash would, for who has yet to choose a password. No password matches it.
const noPassword = ""

func insert(ctx context.Context, tx pgx.Tx, actor authz.Actor, n NewUser, hash string) (int64, error) {
	id, err := New(tx).insertUser(ctx, insertUserParams{OrgID: n.OrgID, Username: n.Username, Email: n.Email,
		Role: string(n.Role), Area: n.Area, PasswordHash: hash})
	if err != nil {
		return 0, fmt.Errorf("create a user of organization %d: %w", n.OrgID, err)
	}
	return id, audit.Record(ctx, tx, actor, audit.Entry{
		Action: "create_user", EntityType: "user", EntityID: strconv.FormatInt(id, 10),
		After:    map[string]any{"role": n.Role, "area": n.Area, "active": true},
		Subject:  id,
		Personal: audit.Personal{After: map[string]any{"username": n.Username, "email": n.Email}},
	})
}
