package bill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/told"
)

// Added is what came of scanning a parent onto a bill.
type Added struct {
	Outcome string // linked or duplicate
	Bill    Bill
	Message string
}

// adding is one scan onto a bill under way.
type adding struct {
	*step
	number   string
	code     string
	id       uuid.UUID // of the scan; the zero id when the client gave none
	location *time.Location
	outcome  string
	fresh    bool // put there by this request, and not by an earlier one with its id
	message  string
	refused  *errs.Error // decided by a rule: kept, and answered
}

// Add puts a parent onto a bill. With a scan's id, the same id again gives the first outcome and changes nothing. It refuses
// with bill_not_found, invalid_code, scan_id_reused, bag_not_found, wrong_kind, parent_empty, on_other_bill, bill_completed
// or bill_full, the first that applies.
func (s *Store) Add(ctx context.Context, actor authz.Actor, number, rawCode string, scanID *uuid.UUID) (Added, error) {
	if err := s.require(ctx, actor, number); err != nil {
		return Added{}, err
	}
	a, err := s.readAdding(ctx, actor, number, rawCode, scanID)
	if err != nil {
		return Added{}, err
	}
	var added Added
	err = s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		try := a // each try begins afresh
		try.step = s.step(tx, actor)
		if err := try.run(ctx); err != nil {
			return err
		}
		a.refused = try.refused
		added.Outcome, added.Message = try.outcome, try.message
		added.Bill, err = describeOne(ctx, try.q, actor.OrgID, try.bill.ID)
		if err == nil && try.fresh {
			err = try.recordParent(ctx, "bill_add", try.code, added.Bill)
		}
		return err
	})
	if err == nil && a.refused != nil {
		return Added{}, a.refused
	}
	return added, err
}

// readAdding recognises the code, before anything is locked.
func (s *Store) readAdding(ctx context.Context, actor authz.Actor, number, rawCode string, scanID *uuid.UUID) (adding, error) {
	a := adding{number: number, code: code.Normalise(rawCode)}
	if scanID != nil {
		a.id = *scanID
	}
	formats, err := s.orgs.Formats(ctx, actor.OrgID)
	if err != nil {
		return a, err
	}
	if _, _, ok := formats.Recognise(a.code); !ok {
		return a, errs.Field("code", "invalid_code", "%q is no bag's code. Scan the parent's label again, or type what it says.", told.Clip(a.code, mostShown))
	}
	organization, err := s.orgs.Get(ctx, actor.OrgID)
	a.location = organization.Location
	return a, err
}

// run claims the scan's id, locks the parent and then the bill, decides, and writes.
func (a *adding) run(ctx context.Context) error {
	if a.id != uuid.Nil {
		claimed, err := a.q.claimReceipt(ctx, claimReceiptParams{OrgID: a.who.OrgID, ScanID: a.id, At: a.at})
		if err != nil {
			return fmt.Errorf("claim receipt %s: %w", a.id, err)
		}
		if len(claimed) == 0 {
			return a.replay(ctx)
		}
	}
	p, err := a.lockParent(ctx)
	if err != nil {
		return err
	}
	if err := a.lock(ctx, a.number); err != nil {
		return err
	}
	if a.refused == nil {
		c := candidate{code: p.Code, children: int(p.Children)}
		if c.on, err = a.placementOf(ctx, p.ID); err != nil {
			return err
		}
		a.outcome, a.message, a.refused = judgeAdd(c, a.bill)
	}
	if a.refused != nil {
		return a.tell(ctx, "bill", a.refused.Code, a.id, a.at, a.code)
	}
	if a.outcome == linked {
		if err := a.put(ctx, p.ID); err != nil {
			return fmt.Errorf("put %s on bill %s: %w", a.code, a.bill.Number, err)
		}
	}
	return a.tell(ctx, "bill", a.outcome, a.id, a.at, a.code)
}

// lockParent locks the parent of the code. A child's code is refused by a rule, and a code without a bag is not found.
func (a *adding) lockParent(ctx context.Context) (lockParentRow, error) {
	p, err := a.q.lockParent(ctx, lockParentParams{OrgID: a.who.OrgID, Code: a.code})
	if err == nil {
		return p, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return p, fmt.Errorf("lock parent %s: %w", a.code, err)
	}
	child, err := a.q.isChild(ctx, isChildParams{OrgID: a.who.OrgID, Code: a.code})
	if err != nil {
		return p, fmt.Errorf("look up %s: %w", a.code, err)
	}
	if !child {
		return p, errs.New(errs.NotFound, "bag_not_found", "There is no bag %s. Scan its children into it first, then put it on the bill.", a.code)
	}
	a.refused = errs.New(errs.Conflict, "wrong_kind", "%s is a child, and only parents go on a bill. Scan the parent that it is in.", a.code)
	return p, nil
}

func (a *adding) placementOf(ctx context.Context, parentID int64) (*placement, error) {
	row, err := a.q.billOf(ctx, billOfParams{OrgID: a.who.OrgID, BagID: parentID})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the bill of %s: %w", a.code, err)
	}
	return &placement{billID: row.ID, number: row.Number, when: told.Clock(row.LinkedAt, a.at, a.location), by: told.By(row.LinkedBy, row.Username, a.who)}, nil
}

func (a *adding) put(ctx context.Context, parentID int64) error {
	err := a.q.insertBillBag(ctx, insertBillBagParams{OrgID: a.who.OrgID, BagID: parentID, BillID: a.bill.ID, LinkedBy: a.who.UserID, LinkedAt: a.at})
	if err != nil {
		return err
	}
	a.fresh = true
	return a.q.setLinked(ctx, setLinkedParams{OrgID: a.who.OrgID, ID: a.bill.ID, Linked: a.bill.Linked + 1})
}

// replay gives the first outcome of a scan's id, with the bill as it is now.
func (a *adding) replay(ctx context.Context) error {
	first, err := a.q.firstOutcome(ctx, firstOutcomeParams{OrgID: a.who.OrgID, ScanID: a.id})
	if err != nil {
		return fmt.Errorf("first outcome of %s: %w", a.id, err)
	}
	on, err := a.placedNow(ctx)
	if err != nil {
		return err
	}
	if err := a.lock(ctx, a.number); err != nil {
		return err
	}
	// A bill that was renamed meanwhile is known by the parent that it holds.
	same := key(first.Other) == a.bill.NumberKey || on != nil && on.billID == a.bill.ID
	if first.Event != "bill" || first.Code != a.code || !same {
		return errs.New(errs.Conflict, "scan_id_reused", "This scan's id was used for %s already. Scan again, with a new id.", first.Code)
	}
	if first.Outcome == linked || first.Outcome == duplicate {
		a.outcome, a.message = first.Outcome, a.code+" was put on this bill."
		return nil
	}
	a.refused = refusedAgain(a.code, first.Outcome, on)
	return nil
}

// placedNow gives the bill that the parent is on, or nil. The parent may be gone since it was first scanned.
func (a *adding) placedNow(ctx context.Context) (*placement, error) {
	p, err := a.q.lockParent(ctx, lockParentParams{OrgID: a.who.OrgID, Code: a.code})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock parent %s: %w", a.code, err)
	}
	return a.placementOf(ctx, p.ID)
}
