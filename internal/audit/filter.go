package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/errs"
)

// check refuses a filter that nothing could pass.
func (f Filter) check() error {
	if !f.To.IsZero() && !f.To.After(f.From) { // the end of the day before is the beginning of the day
		return errs.Field("to", "invalid_filter", "The end lies before the beginning.")
	}
	for _, typed := range []struct{ field, text string }{{"action", f.Action}, {"user", f.User}, {"entity", f.Entity}} {
		if !utf8.ValidString(typed.text) || strings.ContainsRune(typed.text, 0) {
			return errs.Field(typed.field, "invalid_filter", "This holds a character that no text has. Leave it out.")
		}
	}
	return nil
}

// userKind is the entity type of users, whose names people type where the log has ids.
const userKind = "user"

// narrowed is a filter whose names of users have become their ids.
type narrowed struct {
	user     *int64
	kind, id string
	action   string
}

// resolve looks up the names of a filter, and reports whether there are such users.
func (f Filter) resolve(ctx context.Context, q *Queries, orgID int64) (narrowed, bool, error) {
	n := narrowed{action: f.Action}
	n.kind, n.id, _ = strings.Cut(strings.TrimSpace(f.Entity), "/")
	if f.User != "" {
		id, err := idOf(ctx, q, orgID, f.User)
		if err != nil || id == 0 {
			return n, false, err
		}
		n.user = &id
	}
	if n.kind != userKind || n.id == "" {
		return n, true, nil
	}
	id, err := idOf(ctx, q, orgID, n.id)
	if err != nil {
		return n, false, err
	}
	if id != 0 {
		n.id = strconv.FormatInt(id, 10)
		return n, true, nil
	}
	_, none := strconv.ParseInt(n.id, 10, 64) // what is nobody's name may be somebody's number
	return n, none == nil, nil
}

// idOf gives the id of a user, or 0 where there is none of that name.
func idOf(ctx context.Context, q *Queries, orgID int64, username string) (int64, error) {
	id, err := q.userNamed(ctx, userNamedParams{OrgID: orgID, Username: strings.TrimSpace(username)})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("find a user of organization %d: %w", orgID, err)
	}
	return id, nil
}

// read takes the query whose index narrows the most.
func (n narrowed) read(ctx context.Context, q *Queries, orgID int64, from at, f Filter) ([]Event, error) {
	most := int32(f.Limit + 1) //nolint:gosec // at most the thousand of an export
	switch {
	case n.kind != "":
		rows, err := q.newestOfEntity(ctx, newestOfEntityParams{OrgID: orgID, EntityType: n.kind, EntityID: optional(n.id), UserID: n.user,
			Action: optional(n.action), Since: f.From, Before: from.At, BeforeID: from.ID, Most: most})
		return events(rows, func(r newestOfEntityRow) newestRow { return newestRow(r) }), err
	case n.user != nil:
		rows, err := q.newestOfUser(ctx, newestOfUserParams{OrgID: orgID, UserID: *n.user, Action: optional(n.action),
			Since: f.From, Before: from.At, BeforeID: from.ID, Most: most})
		return events(rows, func(r newestOfUserRow) newestRow { return newestRow(r) }), err
	case n.action != "":
		rows, err := q.newestOfAction(ctx, newestOfActionParams{OrgID: orgID, Action: n.action, Since: f.From,
			Before: from.At, BeforeID: from.ID, Most: most})
		return events(rows, func(r newestOfActionRow) newestRow { return newestRow(r) }), err
	}
	rows, err := q.newest(ctx, newestParams{OrgID: orgID, Since: f.From, Before: from.At, BeforeID: from.ID, Most: most})
	return events(rows, func(r newestRow) newestRow { return r }), err
}

func events[R any](rows []R, of func(R) newestRow) []Event {
	all := make([]Event, len(rows))
	for i, row := range rows {
		r := of(row)
		all[i] = Event{ID: r.ID, Timestamp: r.Timestamp, UserID: r.UserID, Username: r.Username, Action: r.Action, EntityType: r.EntityType,
			EntityID: r.EntityID, Details: r.Details, BeforeState: r.BeforeState, AfterState: r.AfterState, IPAddress: r.IpAddress, RequestID: r.RequestID}
	}
	return all
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
