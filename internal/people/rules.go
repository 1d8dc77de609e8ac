package people

import (
	"slices"
	"strings"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
)

// profile is what an admin may change about a user.
type profile struct {
	email string
	role  authz.Role
	area  string
}

// with gives the profile after a change, or refuses a value that is not right with its field named.
func (p profile) with(c Change) (profile, error) {
	if c.Email != nil {
		p.email = strings.TrimSpace(*c.Email)
	}
	if c.Role != nil {
		p.role = *c.Role
	}
	if c.Area != nil {
		p.area = strings.TrimSpace(*c.Area)
	}
	return p, account.CheckProfile(p.role, p.email, p.area)
}

// mayGive refuses an actor who would give themselves another role. An actor without an id is the operator at the command line.
func mayGive(actorID, userID int64, from, to authz.Role) error {
	if actorID == userID && from != to {
		return errs.New(errs.Forbidden, "own_role", "Nobody changes their own role. Ask another admin.")
	}
	return nil
}

// maySteer refuses an actor who would do to themselves what only another admin does.
func maySteer(actorID, userID int64, instead string) error {
	if actorID == userID {
		return errs.New(errs.Forbidden, "own_account", "This is your own account. %s", instead)
	}
	return nil
}

// takesAway reports whether somebody may do less in a new role than before. Their sessions end then.
func takesAway(from, to authz.Role) bool {
	order := []authz.Role{authz.Dispatcher, authz.Biller, authz.Admin}
	return slices.Index(order, to) < slices.Index(order, from)
}

// purposeOf gives what a link for a user is for: their first password, or another one.
func purposeOf(invited bool) account.Purpose {
	if invited {
		return account.Invitation
	}
	return account.Reset
}

// mustBeActive refuses what would be of no use to somebody who is shut out.
func mustBeActive(active bool) error {
	if !active {
		return errs.New(errs.Conflict, "user_inactive", "This account is deactivated. Reactivate it first.")
	}
	return nil
}
