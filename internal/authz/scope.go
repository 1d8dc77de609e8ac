package authz

import (
	"slices"
	"strings"

	"traitortrack/internal/errs"
)

// Scopes are what an API token is for. They narrow what its owner's role may do and never widen it.
type Scopes uint8

// The scopes.
const (
	ReadScope  Scopes = 1 << iota // look things up
	ScanScope                     // scan bags, and look them up
	BillScope                     // work on bills, and look them up
	AdminScope                    // what only an admin may do
)

var scopeNames = []struct {
	scope Scopes
	name  string
}{{ReadScope, "read"}, {ScanScope, "scan"}, {BillScope, "bill"}, {AdminScope, "admin"}}

// scopeTable has the scopes of which one lets a token do an action. No token does what is personal (Self): a token that
// is stolen must not make others, or change the password.
var scopeTable = map[Action]Scopes{
	Scan:        ScanScope,
	Undo:        ScanScope,
	CloseParent: ScanScope,
	UnlinkAny:   ScanScope,
	Bill:        BillScope,
	Transfer:    BillScope,
	DeleteBill:  AdminScope,
	DeleteBag:   AdminScope,
	Users:       AdminScope,
	Audit:       AdminScope,
	Operate:     AdminScope,
}

// readTable has what the scope read lets a token look at.
var readTable = map[Action]bool{Scan: true, Bill: true}

func (a Actor) inScope(action Action) bool {
	return a.TokenID == 0 || a.Scopes&scopeTable[action] != 0 || a.Reading && readTable[action] && a.Scopes&ReadScope != 0
}

// ScopesOf gives the scopes that are of use to a role: those that let it do anything.
func ScopesOf(role Role) Scopes {
	var useful Scopes
	for action, roles := range table {
		if slices.Contains(roles, role) {
			useful |= scopeTable[action]
			if readTable[action] {
				useful |= ReadScope
			}
		}
	}
	return useful
}

// Has reports whether all of some scopes are among these.
func (s Scopes) Has(some Scopes) bool { return s&some == some }

// ParseScopes reads the names of scopes. None at all and an unknown one are invalid_scopes.
func ParseScopes(names []string) (Scopes, error) {
	var s Scopes
	for _, name := range names {
		known := false
		for _, n := range scopeNames {
			if n.name == name {
				s, known = s|n.scope, true
			}
		}
		if !known {
			return 0, errScopes()
		}
	}
	if s == 0 {
		return 0, errScopes()
	}
	return s, nil
}

func errScopes() error {
	return errs.Field("scopes", "invalid_scopes", "A token is for one or more of read, scan, bill and admin.")
}

// Names gives the scopes' names in a fixed order.
func (s Scopes) Names() []string {
	var names []string
	for _, n := range scopeNames {
		if s&n.scope != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// String gives the scopes' names, for people.
func (s Scopes) String() string {
	if s == 0 {
		return "nothing"
	}
	return strings.Join(s.Names(), ", ")
}
