package bill

import (
	"context"
	"fmt"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Create makes a bill. It refuses with invalid_bill, naming the field, or bill_exists.
func (s *Store) Create(ctx context.Context, actor authz.Actor, draft Draft) (Bill, error) {
	if err := actor.Require(authz.Bill); err != nil {
		return Bill{}, err
	}
	d, err := judgeDraft(draft)
	if err != nil {
		return Bill{}, err
	}
	var created Bill
	err = s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		st := s.step(tx, actor)
		err := st.q.insertBill(ctx, insertBillParams{OrgID: actor.OrgID, Number: d.Number, NumberKey: code.FoldNumber(d.Number),
			Description: d.Description, Capacity: int32(d.Capacity), CreatedBy: actor.UserID, CreatedAt: st.at}) //nolint:gosec // at most 500
		if err != nil {
			return fmt.Errorf("create bill %s: %w", d.Number, err)
		}
		if err := st.lock(ctx, d.Number); err != nil {
			return err
		}
		st.before = state{}
		if created, err = describeOne(ctx, st.q, actor.OrgID, st.bill.ID); err != nil {
			return err
		}
		return st.record(ctx, "create_bill", created)
	})
	return created, named(err, d.Number)
}

// named puts the number into the refusal that the database gave for a number that is taken.
func named(err error, number string) error {
	if e := errs.As(err); e != nil && e.Code == "bill_exists" {
		return errs.New(errs.Conflict, "bill_exists", "There is a bill %s already. Choose another number, or open that bill.", number).Wrap(err)
	}
	return err
}
