package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
	"traitortrack/internal/pg"
)

// Log reads the audit log.
type Log struct{ db *pg.DB }

// NewLog makes a reader of the log.
func NewLog(db *pg.DB) *Log { return &Log{db: db} }

// Filter says which events are read. An empty member filters nothing.
type Filter struct {
	Action string
	User   string    // name of who did it
	Entity string    // what it was done to: bag, or bag/SB00042
	From   time.Time // the earliest
	To     time.Time // the first that is too late
	Cursor string
	Limit  int // 1 to page.MaxLimit; 0 is page.DefaultLimit
}

// Event is a row of the log as people read it, with the values of persons put back.
type Event struct {
	ID          int64     `json:"id"`
	Timestamp   time.Time `json:"timestamp"`
	UserID      *int64    `json:"user_id"`
	Username    string    `json:"username"`
	Action      string    `json:"action"`
	EntityType  string    `json:"entity_type"`
	EntityID    string    `json:"entity_id"`
	Details     any       `json:"details"`
	BeforeState any       `json:"before_state"`
	AfterState  any       `json:"after_state"`
	IPAddress   any       `json:"ip_address"`
	RequestID   string    `json:"request_id"`
}

// at is a row's place in the list.
type at struct {
	At time.Time `json:"t"`
	ID int64     `json:"i"`
}

// List gives a page of events, the newest first. It refuses with invalid_filter or invalid_cursor.
func (l *Log) List(ctx context.Context, actor authz.Actor, f Filter) (page.List[Event], error) {
	none := page.List[Event]{}
	if err := actor.Require(authz.Audit); err != nil {
		return none, err
	}
	if f.Limit == 0 {
		f.Limit = page.DefaultLimit
	}
	if !f.To.IsZero() && f.To.Before(f.From) {
		return none, errs.Field("to", "invalid_filter", "The end lies before the beginning.")
	}
	if f.To.IsZero() {
		f.To = endOfTime
	}
	from := at{At: f.To}
	if _, err := page.Decode(f.Cursor, &from); err != nil {
		return none, err
	}
	var events []Event
	err := l.db.Read(ctx, func(tx pgx.Tx) error {
		var err error
		events, err = f.read(ctx, New(tx), actor.OrgID, from)
		return err
	})
	if err != nil {
		return none, fmt.Errorf("list the audit log: %w", err)
	}
	return page.Cut(events, f.Limit, func(e Event) any { return at{e.Timestamp, e.ID} }), nil
}

// endOfTime is later than any event.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Each gives every event of a filter to do, the newest first, without holding them all.
func (l *Log) Each(ctx context.Context, actor authz.Actor, f Filter, do func(Event) error) error {
	f.Limit = page.MaxLimit
	for {
		events, err := l.List(ctx, actor, f)
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if err := do(e); err != nil {
				return err
			}
		}
		if f.Cursor = events.Next; f.Cursor == "" {
			return nil
		}
	}
}

// read takes the query whose index narrows the most.
func (f Filter) read(ctx context.Context, q *Queries, orgID int64, from at) ([]Event, error) {
	kind, id, _ := strings.Cut(f.Entity, "/")
	most := int32(f.Limit + 1)
	var user *int64
	if f.User != "" {
		found, err := q.userNamed(ctx, userNamedParams{OrgID: orgID, Username: f.User})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		user = &found
	}
	switch {
	case kind != "":
		rows, err := q.newestOfEntity(ctx, newestOfEntityParams{OrgID: orgID, EntityType: kind, EntityID: optional(id), UserID: user,
			Action: optional(f.Action), Since: f.From, Before: from.At, BeforeID: from.ID, Most: most})
		return events(rows, func(r newestOfEntityRow) newestRow { return newestRow(r) }), err
	case user != nil:
		rows, err := q.newestOfUser(ctx, newestOfUserParams{OrgID: orgID, UserID: *user, Action: optional(f.Action),
			Since: f.From, Before: from.At, BeforeID: from.ID, Most: most})
		return events(rows, func(r newestOfUserRow) newestRow { return newestRow(r) }), err
	case f.Action != "":
		rows, err := q.newestOfAction(ctx, newestOfActionParams{OrgID: orgID, Action: f.Action, Since: f.From,
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
