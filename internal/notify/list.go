package notify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
	"traitortrack/internal/pg"
)

// Received is a notice as the one who was told sees it.
type Received struct {
	ID int64
	Notice
	Read bool
	At   time.Time
}

// Store answers for what people were told. It is safe for concurrent use.
type Store struct {
	db  *pg.DB
	now func() time.Time
}

// NewStore makes a store of the database's notices.
func NewStore(db *pg.DB, now func() time.Time) *Store { return &Store{db: db, now: now} }

// List gives the actor's notices, the newest first.
func (s *Store) List(ctx context.Context, actor authz.Actor, limit int, cursor string) (page.List[Received], error) {
	var none page.List[Received]
	if err := actor.Require(authz.Self); err != nil {
		return none, err
	}
	before := int64(math.MaxInt64)
	if _, err := page.Decode(cursor, &before); err != nil {
		return none, err
	}
	rows, err := New(s.db.For(ctx)).listNotices(ctx, listNoticesParams{OrgID: actor.OrgID, UserID: actor.UserID, Before: before, Most: page.Most(limit)})
	if err != nil {
		return none, pg.Refusal(fmt.Errorf("list the notices of user %d: %w", actor.UserID, err))
	}
	list := make([]Received, len(rows))
	for i, r := range rows {
		list[i] = Received{ID: r.ID, Notice: Notice{Kind: Kind(r.Kind), Message: r.Message, Link: r.Link}, Read: r.ReadAt != nil, At: r.CreatedAt}
	}
	return page.Cut(list, limit, func(n Received) any { return n.ID }), nil
}

// MostUnread is how far unread notices are counted: that many means as many or more.
const MostUnread = 100

// Unread counts the notices that the actor has not read. Every page asks: the index of the unread has no others in it, and the
// count ends at MostUnread.
func (s *Store) Unread(ctx context.Context, actor authz.Actor) (int, error) {
	n, err := New(s.db.For(ctx)).countUnread(ctx, countUnreadParams{OrgID: actor.OrgID, UserID: actor.UserID, Most: MostUnread})
	if err != nil {
		return 0, pg.Refusal(fmt.Errorf("count the unread notices of user %d: %w", actor.UserID, err))
	}
	return int(n), nil
}

// Open marks one of the actor's notices read and gives the path where it leads, empty for none. It refuses with
// notice_not_found.
func (s *Store) Open(ctx context.Context, actor authz.Actor, id int64) (string, error) {
	link, err := New(s.db.For(ctx)).openNotice(ctx, openNoticeParams{OrgID: actor.OrgID, UserID: actor.UserID, ID: id, Now: s.now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", errs.New(errs.NotFound, "notice_not_found", "There is no such notice. Those of more than 90 days ago are cleared away.")
	}
	if err != nil {
		return "", pg.Refusal(fmt.Errorf("open notice %d: %w", id, err))
	}
	return link, nil
}

// MarkRead marks some of the actor's notices read. What is no notice of theirs is passed over.
func (s *Store) MarkRead(ctx context.Context, actor authz.Actor, ids []int64) error {
	err := New(s.db.For(ctx)).markRead(ctx, markReadParams{OrgID: actor.OrgID, UserID: actor.UserID, Ids: ids, Now: s.now()})
	if err != nil {
		return pg.Refusal(fmt.Errorf("mark notices of user %d read: %w", actor.UserID, err))
	}
	return nil
}

// MarkReadUpTo marks the actor's notices read up to the newest that they have seen: what came since stays unread.
func (s *Store) MarkReadUpTo(ctx context.Context, actor authz.Actor, newest int64) error {
	err := New(s.db.For(ctx)).markReadUpTo(ctx, markReadUpToParams{OrgID: actor.OrgID, UserID: actor.UserID, UpTo: newest, Now: s.now()})
	if err != nil {
		return pg.Refusal(fmt.Errorf("mark the notices of user %d read: %w", actor.UserID, err))
	}
	return nil
}
