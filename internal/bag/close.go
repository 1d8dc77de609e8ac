package bag

import (
	"context"
	"fmt"
	"time"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/told"
)

// Close closes a parent by hand, short of its capacity. A parent that is completed already stays as it is. It refuses with
// bag_not_found, wrong_kind, other_area or parent_empty.
func (s *Store) Close(ctx context.Context, actor authz.Actor, rawCode string) (Bag, error) {
	return s.setClosed(ctx, actor, rawCode, "close", judgeClose, func(p *parent) bool {
		change := p.status() == "in_progress"
		p.closed = p.closed || change
		return change
	})
}

// Reopen opens a parent again that was closed by hand. Any other stays as it is. It refuses with bag_not_found,
// wrong_kind, other_area or parent_billed.
func (s *Store) Reopen(ctx context.Context, actor authz.Actor, rawCode string) (Bag, error) {
	return s.setClosed(ctx, actor, rawCode, "reopen", judgeReopen, func(p *parent) bool {
		change := p.closed
		p.closed = false
		return change
	})
}

// setClosed locks a parent, has it judged and changed, and keeps the change where there is one.
func (s *Store) setClosed(ctx context.Context, actor authz.Actor, rawCode, event string,
	judge func(authz.Actor, *parent) *errs.Error, change func(*parent) bool) (Bag, error) {
	if err := actor.Require(authz.CloseParent); err != nil {
		return Bag{}, err
	}
	err := s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		st, p, err := lockParent(ctx, tx, actor, code.Normalise(rawCode))
		if err != nil {
			return err
		}
		if refused := judge(actor, p); refused != nil {
			return refused
		}
		before := p.summary()
		if !change(p) {
			return nil
		}
		return s.writeClosed(ctx, tx, actor, st, p, event, before)
	})
	if err != nil {
		return Bag{}, err
	}
	return s.Find(ctx, actor, rawCode)
}

// lockParent locks the one parent that a code names.
func lockParent(ctx context.Context, tx pg.Tx, actor authz.Actor, parentCode string) (*state, *parent, error) {
	st := newState(actor.OrgID, nil)
	if err := st.load(ctx, tx, []string{parentCode}, nil); err != nil {
		return nil, nil, err
	}
	if p := st.parents[parentCode]; p != nil {
		return st, p, nil
	}
	rows, err := New(tx).describe(ctx, describeParams{OrgID: actor.OrgID, Codes: []string{parentCode}})
	if err != nil {
		return nil, nil, fmt.Errorf("look up %s: %w", parentCode, err)
	}
	if len(rows) == 0 {
		return nil, nil, notFound(parentCode)
	}
	return nil, nil, errs.New(errs.Conflict, "wrong_kind", "%s is a child. Only a parent is closed or opened again.", parentCode)
}

func (s *Store) writeClosed(ctx context.Context, tx pg.Tx, who authz.Actor, st *state, p *parent, event string, before Summary) error {
	p.touched = s.now().Truncate(time.Microsecond)
	told, err := tell(who, verdict{event: event, outcome: done, code: p.code, at: p.touched})
	if err != nil {
		return err
	}
	err = audit.Record(ctx, tx, who, audit.Entry{Action: event + "_parent", EntityType: "bag", EntityID: p.code,
		Before: before, After: p.summary()})
	if err != nil {
		return err
	}
	return wrap(event+" "+p.code, st.write(ctx, tx, told, p.touched))
}

func notFound(bagCode string) *errs.Error {
	return errs.New(errs.NotFound, "bag_not_found", "There is no bag %q. Check its label, or look for it among the bags.", told.Clip(bagCode, mostShown))
}
