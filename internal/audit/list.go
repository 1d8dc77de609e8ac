package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"traitortrack/internal/authz"
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
	Entity string    // what it was done to: bag, bag/SB00042, user/asha
	From   time.Time // the earliest
	To     time.Time // the first that is too late
	Cursor string
	Limit  int // 1 to page.MaxLimit; 0 is page.DefaultLimit
}

// Event is a row of the log as people read it, with the values of persons put back. The states are values of JSON.
type Event struct {
	ID          int64     `json:"id"`
	Timestamp   time.Time `json:"timestamp"`
	UserID      *int64    `json:"user_id"`
	Username    string    `json:"username"`
	Action      string    `json:"action"`
	EntityType  string    `json:"entity_type"`
	EntityID    string    `json:"entity_id"`
	EntityName  string    `json:"entity_name"` // of a user, whose id says little
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
	if err := f.check(); err != nil {
		return none, err
	}
	if f.To.IsZero() {
		f.To = endOfTime
	}
	from := at{At: f.To}
	if _, err := page.Decode(f.Cursor, &from); err != nil {
		return none, err
	}
	var events []Event
	err := l.db.View(ctx, func(tx pg.Tx) error {
		q := New(tx)
		narrow, found, err := f.resolve(ctx, q, actor.OrgID)
		if err != nil || !found {
			return err
		}
		if events, err = narrow.read(ctx, q, actor.OrgID, from, f); err != nil {
			return err
		}
		return nameUsers(ctx, q, actor.OrgID, events)
	})
	if err != nil {
		return none, fmt.Errorf("list the audit log: %w", err)
	}
	return page.Cut(events, f.Limit, func(e Event) any { return at{e.Timestamp, e.ID} }), nil
}

// endOfTime is later than any event.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Actions gives the actions that occur in the actor's organization, in the order of their names.
func (l *Log) Actions(ctx context.Context, actor authz.Actor) ([]string, error) {
	if err := actor.Require(authz.Audit); err != nil {
		return nil, err
	}
	actions, err := New(l.db.For(ctx)).actions(ctx, actor.OrgID)
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("list the actions of the audit log: %w", err))
	}
	return actions, nil
}

// nameUsers fills in the names of the users that events are about.
func nameUsers(ctx context.Context, q *Queries, orgID int64, events []Event) error {
	var ids []int64
	for _, e := range events {
		if id, err := strconv.ParseInt(e.EntityID, 10, 64); err == nil && e.EntityType == userKind {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := q.userNames(ctx, userNamesParams{OrgID: orgID, Ids: ids})
	if err != nil {
		return fmt.Errorf("name the users of the audit log: %w", err)
	}
	names := map[string]string{}
	for _, r := range rows {
		names[strconv.FormatInt(r.ID, 10)] = r.Username
	}
	for i := range events {
		if events[i].EntityType == userKind {
			events[i].EntityName = names[events[i].EntityID]
		}
	}
	return nil
}
