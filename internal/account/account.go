// Package account knows the users: who they are, how they prove it, and when their sessions are over.
package account

import (
	"runtime"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/notify"
	"traitortrack/internal/pg"
)

// User is somebody who has logged in. Epoch is what their session begins under: once the user's own is higher, the
// session is over.
type User struct {
	ID       int64
	OrgID    int64
	Username string
	Role     authz.Role
	Area     string // dispatch area; empty means everywhere
	Epoch    int64

	MustChangePassword bool
}

// Store answers for users. It is safe for concurrent use.
type Store struct {
	// RequireAdmin2FA makes admins enrol in two-factor login before they do anything else, and Keys seals what that needs.
	// Outbox takes the mails with links to passwords; nil sends none. All are set before the first use.
	RequireAdmin2FA bool
	Keys            Keyring
	Outbox          *notify.Outbox

	db       *pg.DB
	now      func() time.Time
	hashing  chan struct{} // a place for each password that is hashed at the same time
	standing *standings
	grants   *recent[string, grant] // of API tokens, by the hash of each
	loggedIn func(result string)
}

// NewStore makes a store of the database's users. At most half of the processors hash passwords, so that a storm of
// logins leaves the other half, and the memory, to those who work.
func NewStore(db *pg.DB, now func() time.Time) *Store {
	s := &Store{db: db, now: now, hashing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), loggedIn: func(string) {}}
	s.standing = newStandings(s.readStanding, now)
	s.grants = newRecent(s.readGrant, now)
	return s
}

// errCredentials is the answer to a wrong name, a wrong password and an account that is shut, so that nobody learns
// which names exist.
func errCredentials() error {
	return errs.New(errs.Unauthenticated, "invalid_credentials",
		"This name and this password do not belong together. Check both and try again; an admin can set a new password.")
}

func errEnded() error {
	return errs.New(errs.Unauthenticated, "unauthenticated", "Your session has ended. Log in and try again.")
}

func errNoUser() error {
	return errs.New(errs.NotFound, "user_not_found", "There is no such user here. Look for them among the users.")
}
