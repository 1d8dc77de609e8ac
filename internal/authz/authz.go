// Package authz knows who may do what: the actor of a request, the roles, and the role × action table.
package authz

import (
	"slices"

	"traitortrack/internal/errs"
)

// Role is what a person is in the warehouse.
type Role string

// The roles.
const (
	Dispatcher Role = "dispatcher"
	Biller     Role = "biller"
	Admin      Role = "admin"
)

// Action is something that a role may do.
type Action string

// The actions. Every route of the server names one.
const (
	Scan        Action = "scan" // scan, look up, search, own history, dashboard
	Undo        Action = "undo" // take out a child that one scanned oneself a moment ago
	CloseParent Action = "close parent"
	UnlinkAny   Action = "unlink any"
	Bill        Action = "bill"
	DeleteBill  Action = "delete bill"
	DeleteBag   Action = "delete bag"
	Transfer    Action = "transfer" // imports, exports, labels, end-of-day report
	Users       Action = "users"    // users, promotion requests, settings, others' tokens
	Audit       Action = "audit"
	Operate     Action = "operate" // pool dashboard, system health
	Self        Action = "self"    // own profile, password, sessions, two-factor, tokens, promotion
)

var table = map[Action][]Role{
	Scan:        {Dispatcher, Biller, Admin},
	Undo:        {Dispatcher, Biller, Admin},
	CloseParent: {Dispatcher, Biller, Admin},
	UnlinkAny:   {Biller, Admin},
	Bill:        {Biller, Admin},
	DeleteBill:  {Admin},
	DeleteBag:   {Admin},
	Transfer:    {Biller, Admin},
	Users:       {Admin},
	Audit:       {Admin},
	Operate:     {Admin},
	Self:        {Dispatcher, Biller, Admin},
}

// Actor is who asks: a user of one organization.
type Actor struct {
	UserID   int64
	OrgID    int64
	Username string
	Role     Role
	Area     string // dispatch area; empty means everywhere
	Owes     Duty   // what they have to do before anything else
	TokenID  int64  // the API token that asks in their name, 0 for a session
	Scopes   Scopes // what that token is for
	Reading  bool   // the request asks and changes nothing (GET, HEAD): the edge says so
	Address  string // network address of the request, for the audit log
	Device   string // what the request came from, for the history of bags
	Request  string // id of the request
}

// Can reports whether the actor's role may do the action, and whether their token, if they come with one, is for it.
func (a Actor) Can(action Action) bool {
	return slices.Contains(table[action], a.Role) && a.inScope(action)
}

// Require refuses with forbidden unless the actor can do the action.
func (a Actor) Require(action Action) error {
	switch {
	case a.Can(action):
		return nil
	case !a.inScope(action):
		return errs.New(errs.Forbidden, "forbidden", "This token is for %s only. Make one for what you need, or log in.", a.Scopes)
	}
	return errs.New(errs.Forbidden, "forbidden", "Your role (%s) may not do this. Ask an admin if you need it.", a.Role)
}

// InArea reports whether the actor works in a bag's area. Only a dispatcher with an area of their own is confined, and a bag
// without an area is everybody's.
func (a Actor) InArea(area string) bool {
	return a.Role != Dispatcher || a.Area == "" || area == "" || a.Area == area
}
