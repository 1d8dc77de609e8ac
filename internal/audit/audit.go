// Package audit writes the audit log: every change that is not a scan, and every security event, with who, from where,
// and the state before and after.
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
)

// Entry is one event. Before and After are anything that JSON can carry, nil where there is no such state.
type Entry struct {
	Action     string // what was done, such as complete_bill
	EntityType string // what it was done to: bag, bill, user
	EntityID   string // which one: a code, a number, a user's id
	Details    any
	Before     any
	After      any
	Subject    int64    // the user that Personal tells of, 0 for nobody known
	Personal   Personal // values that name a person, kept apart from the log
}

// Personal holds what names a person: user names, mail addresses. The log itself holds only a token for it, so that a
// person can be erased without touching a sealed row. Its members are shown among those of the entry.
type Personal struct {
	Details map[string]any `json:"details,omitempty"`
	Before  map[string]any `json:"before,omitempty"`
	After   map[string]any `json:"after,omitempty"`
}

// Record writes an entry in the caller's transaction: the event is logged if, and only if, it takes place.
func Record(ctx context.Context, tx pg.Tx, actor authz.Actor, e Entry) error {
	if err := write(ctx, New(tx), actor, e); err != nil {
		return fmt.Errorf("audit %s of %s %s: %w", e.Action, e.EntityType, e.EntityID, err)
	}
	return nil
}

func write(ctx context.Context, q *Queries, actor authz.Actor, e Entry) error {
	row := insertEntryParams{OrgID: actor.OrgID, UserID: known(actor.UserID), Action: e.Action,
		EntityType: e.EntityType, EntityID: e.EntityID, RequestID: actor.Request}
	var err error
	if row.Details, row.BeforeState, row.AfterState, err = states(e); err != nil {
		return err
	}
	if actor.Address != "" {
		row.AddressUserID = known(cmp.Or(actor.UserID, e.Subject)) // at a login that failed, it is kept as the account's own
		if row.Address, err = json.Marshal(map[string]string{"ip_address": actor.Address}); err != nil {
			return fmt.Errorf("network address: %w", err)
		}
	}
	if p := e.Personal; len(p.Details)+len(p.Before)+len(p.After) > 0 {
		row.PersonUserID = known(e.Subject)
		if row.Person, err = json.Marshal(p); err != nil {
			return fmt.Errorf("personal values: %w", err)
		}
	}
	return q.insertEntry(ctx, row)
}

// states gives details, before and after as JSON; details are an object even when there are none.
func states(e Entry) ([]byte, []byte, []byte, error) {
	var raw [3][]byte
	for i, v := range []any{e.Details, e.Before, e.After} {
		if v == nil {
			continue
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("state: %w", err)
		}
		raw[i] = text
	}
	if raw[0] == nil {
		raw[0] = []byte("{}")
	}
	return raw[0], raw[1], raw[2], nil
}

func known(userID int64) *int64 {
	if userID == 0 {
		return nil
	}
	return &userID
}
