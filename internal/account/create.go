package account

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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
	n.Username, n.Email, n.Area = cleanName(n.Username), strings.TrimSpace(n.Email), strings.TrimSpace(n.Area)
	if err := checkNew(n); err != nil {
		return 0, err
	}
	id, err := New(tx).insertUser(ctx, insertUserParams{OrgID: n.OrgID, Username: n.Username, Email: n.Email,
		Role: string(n.Role), Area: n.Area, PasswordHash: HashPassword(n.Password)})
	if err != nil {
		return 0, fmt.Errorf("create a user of organization %d: %w", n.OrgID, err)
	}
	return id, audit.Record(ctx, tx, authz.Actor{OrgID: n.OrgID}, audit.Entry{
		Action: "create_user", EntityType: "user", EntityID: strconv.FormatInt(id, 10),
		After:    map[string]any{"role": n.Role, "area": n.Area, "active": true},
		Subject:  id,
		Personal: audit.Personal{After: map[string]any{"username": n.Username, "email": n.Email}},
	})
}
