package bill

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/tally"
	"traitortrack/internal/told"
)

// Remove takes a parent off a bill. It refuses with bill_not_found, not_on_bill or bill_completed.
func (s *Store) Remove(ctx context.Context, actor authz.Actor, number, rawCode string) (Bill, error) {
	if err := s.require(ctx, actor, number); err != nil {
		return Bill{}, err
	}
	bagCode := code.Normalise(rawCode)
	var after Bill
	err := s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		st := s.step(tx, actor)
		off := errs.New(errs.NotFound, "not_on_bill", "%s is not on bill %s.", told.Clip(bagCode, mostShown), told.Clip(number, mostShown))
		p, err := st.q.lockParent(ctx, lockParentParams{OrgID: actor.OrgID, Code: bagCode})
		if errors.Is(err, pgx.ErrNoRows) {
			return off
		}
		if err != nil {
			return fmt.Errorf("lock parent %s: %w", bagCode, err)
		}
		if err := st.lock(ctx, number); err != nil {
			return err
		}
		on, err := st.q.billOf(ctx, billOfParams{OrgID: actor.OrgID, BagID: p.ID})
		if errors.Is(err, pgx.ErrNoRows) || err == nil && on.ID != st.bill.ID {
			return off
		}
		if err != nil {
			return fmt.Errorf("find the bill of %s: %w", bagCode, err)
		}
		if st.bill.completed() {
			return completedAlready(st.bill)
		}
		after, err = st.remove(ctx, p)
		return err
	})
	return after, err
}

func (st *step) remove(ctx context.Context, p lockParentRow) (Bill, error) {
	if err := st.q.deleteBillBag(ctx, deleteBillBagParams{OrgID: st.who.OrgID, BagID: p.ID}); err != nil {
		return Bill{}, fmt.Errorf("take %s off bill %s: %w", p.Code, st.bill.Number, err)
	}
	if err := st.q.setLinked(ctx, setLinkedParams{OrgID: st.who.OrgID, ID: st.bill.ID, Linked: st.bill.Linked - 1}); err != nil {
		return Bill{}, fmt.Errorf("take %s off bill %s: %w", p.Code, st.bill.Number, err)
	}
	if err := st.tell(ctx, "unbill", "done", uuid.Nil, st.at, p.Code); err != nil {
		return Bill{}, err
	}
	after, err := describeOne(ctx, st.q, st.who.OrgID, st.bill.ID)
	if err != nil {
		return Bill{}, err
	}
	return after, st.recordParent(ctx, "bill_remove", p.Code, after)
}

// Delete deletes a bill that is not completed, and its parents are free again; their stories keep it. It gives the bill as it was,
// and refuses with bill_not_found or bill_completed.
func (s *Store) Delete(ctx context.Context, actor authz.Actor, number string) (Bill, error) {
	if err := actor.Require(authz.DeleteBill); err != nil {
		return Bill{}, err
	}
	var was Bill
	err := s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		st := s.step(tx, actor)
		if err := st.lock(ctx, number); err != nil {
			return err
		}
		if st.bill.completed() {
			return completedAlready(st.bill)
		}
		var err error
		if was, err = describeOne(ctx, st.q, actor.OrgID, st.bill.ID); err != nil {
			return err
		}
		return st.delete(ctx)
	})
	return was, err
}

func (st *step) delete(ctx context.Context) error {
	lines, err := st.q.lines(ctx, linesParams{OrgID: st.who.OrgID, BillID: st.bill.ID})
	if err != nil {
		return fmt.Errorf("parents of bill %s: %w", st.bill.Number, err)
	}
	codes := make([]string, len(lines))
	for i, line := range lines {
		codes[i] = line.Code
	}
	if len(codes) > 0 {
		if err := st.tell(ctx, "unbill", "done", uuid.Nil, st.at, codes...); err != nil {
			return err
		}
	}
	if err := st.q.freeParents(ctx, freeParentsParams{OrgID: st.who.OrgID, BillID: st.bill.ID}); err != nil {
		return fmt.Errorf("free the parents of bill %s: %w", st.bill.Number, err)
	}
	if err := st.q.deleteBill(ctx, deleteBillParams{OrgID: st.who.OrgID, ID: st.bill.ID}); err != nil {
		return fmt.Errorf("delete bill %s: %w", st.bill.Number, err)
	}
	if err := st.recordDelete(ctx, codes); err != nil {
		return err
	}
	return tally.Add(ctx, st.tx, st.who, st.at, moved(st.before.Status, ""))
}
