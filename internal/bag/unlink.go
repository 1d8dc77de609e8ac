package bag

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/tally"
	"traitortrack/internal/told"
)

// Unlink takes a child out of its parent and gives the parent as it is then. The child and its story stay. It refuses
// with not_linked, forbidden, other_area or parent_billed, the first that applies.
func (s *Store) Unlink(ctx context.Context, actor authz.Actor, rawCode string) (Summary, error) {
	if err := actor.Require(authz.Undo); err != nil {
		return Summary{}, err
	}
	var after Summary
	err := s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		st, p, c, err := s.lockLinked(ctx, tx, actor, code.Normalise(rawCode))
		if err != nil {
			return err
		}
		now := s.now().Truncate(time.Microsecond)
		if refused := judgeUnlink(actor, now, p, c); refused != nil {
			return refused
		}
		before := p.summary()
		st.takeOut(actor, p, c, now)
		after = p.summary()
		return s.writeUnlink(ctx, tx, actor, st, c, before, after, now)
	})
	return after, err
}

// childState is a child in the audit log, with the parent that it is taken out of.
type childState struct {
	Parent      string  `json:"parent,omitempty"`
	ParentState Summary `json:"parent_state"`
}

// takeOut takes a child out of its parent, which is open again then.
func (s *state) takeOut(who authz.Actor, p *parent, c *child, now time.Time) {
	p.children--
	p.grams -= c.grams
	p.closed = false
	c.parent = ""
	p.touched, c.touched = now, now
	s.add(who.UserID, tally.Delta{Links: -1})
}

// lockLinked locks a linked child and its parent, the parent first. Where the child is can only be read before that: if it
// has moved meanwhile, the transaction is tried again.
func (s *Store) lockLinked(ctx context.Context, tx pg.Tx, actor authz.Actor, childCode string) (*state, *parent, *child, error) {
	st := newState(actor.OrgID, nil)
	notLinked := errs.New(errs.NotFound, "not_linked", "%s is in no parent, so there is nothing to take it out of.", told.Clip(childCode, mostShown))
	parentCode, err := New(tx).parentOf(ctx, parentOfParams{OrgID: actor.OrgID, Code: childCode})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil, notLinked
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("find the parent of %s: %w", childCode, err)
	}
	if err := st.load(ctx, tx, []string{parentCode}, []string{childCode}); err != nil {
		return nil, nil, nil, err
	}
	p, c := st.parents[parentCode], st.children[childCode]
	switch {
	case p == nil || c == nil || c.parent != "" && c.parent != parentCode:
		return nil, nil, nil, pg.ErrAgain
	case c.parent == "":
		return nil, nil, nil, notLinked
	}
	return st, p, c, nil
}

func (s *Store) writeUnlink(ctx context.Context, tx pg.Tx, who authz.Actor, st *state, c *child, before, after Summary, now time.Time) error {
	if err := New(tx).deleteLink(ctx, deleteLinkParams{OrgID: who.OrgID, ChildID: c.id}); err != nil {
		return fmt.Errorf("unlink %s: %w", c.code, err)
	}
	told, err := tell(who, verdict{event: "unlink", outcome: done, code: c.code, parent: after.Code, at: now})
	if err != nil {
		return err
	}
	err = audit.Record(ctx, tx, who, audit.Entry{Action: "unlink", EntityType: "bag", EntityID: c.code,
		Before: childState{Parent: before.Code, ParentState: before}, After: childState{ParentState: after}})
	if err != nil {
		return err
	}
	return wrap("unlink "+c.code, st.write(ctx, tx, told, now))
}

// tell makes the row of an event that is not a scan, for the story of a bag.
func tell(who authz.Actor, v verdict) (insertScansParams, error) {
	rows := insertScansParams{OrgID: who.OrgID}
	id, err := uuid.NewV7()
	if err != nil {
		return rows, fmt.Errorf("make the id of %s %s: %w", v.event, v.code, err)
	}
	rows.add(who, id, nil, v)
	return rows, nil
}
