package bag

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/page"
	"traitortrack/internal/pg"
)

// moment is an event's place in a story.
type moment struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// endOfTime is later than every event.
func endOfTime() moment {
	return moment{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), ID: uuid.Max}
}

// History gives a page of a code's story, the newest first: what happened to the bag itself and, for a parent, what
// happened at it. A code with no story has an empty one.
func (s *Store) History(ctx context.Context, actor authz.Actor, rawCode, cursor string, limit int) (page.List[Event], error) {
	if err := actor.Require(authz.Scan); err != nil {
		return page.List[Event]{}, err
	}
	from, bagCode := endOfTime(), code.Normalise(rawCode)
	if _, err := page.Decode(cursor, &from); err != nil {
		return page.List[Event]{}, err
	}
	rows, err := New(s.db.For(ctx)).history(ctx, historyParams{OrgID: actor.OrgID, Code: bagCode, BeforeAt: from.At, BeforeID: from.ID, Most: page.Most(limit)})
	if err != nil {
		return page.List[Event]{}, pg.Refusal(fmt.Errorf("history of %s: %w", bagCode, err))
	}
	events := convert(rows, func(r historyRow) Event {
		return Event{At: r.At, DeviceAt: r.DeviceAt, ID: r.ID, Event: r.Event, Outcome: r.Outcome, Code: r.Code,
			ParentCode: r.ParentCode, Other: r.Other, Username: r.Username, Device: r.Device}
	})
	return page.Cut(events, limit, func(e Event) any { return moment{At: e.At, ID: e.ID} }), nil
}

// Recent gives the actor's own last scans, the newest first, each with whether the actor may still take it back.
func (s *Store) Recent(ctx context.Context, actor authz.Actor, limit int) ([]Event, error) {
	if err := actor.Require(authz.Scan); err != nil {
		return nil, err
	}
	rows, err := New(s.db.For(ctx)).recent(ctx, recentParams{OrgID: actor.OrgID, UserID: actor.UserID, Most: int32(limit)}) //nolint:gosec // the page asks for a handful
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("recent scans of user %d: %w", actor.UserID, err))
	}
	now := s.now()
	return convert(rows, func(r recentRow) Event {
		return Event{At: r.At, DeviceAt: r.DeviceAt, ID: r.ID, Event: r.Event, Outcome: r.Outcome, Code: r.Code, ParentCode: r.ParentCode,
			Other: r.Other, Username: actor.Username, Device: r.Device,
			Undoable: r.InPlace && (actor.Can(authz.UnlinkAny) || now.Sub(r.At) <= undoWithin)}
	}), nil
}
