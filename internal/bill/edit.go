package bill

import (
	"context"
	"fmt"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
)

// Change says what to change of a bill. A nil member stays.
type Change struct {
	Number      *string
	Description *string
	Capacity    *int
}

// Edit changes a bill that is not completed. It refuses with bill_not_found, bill_completed, invalid_bill or bill_exists.
func (s *Store) Edit(ctx context.Context, actor authz.Actor, number string, change Change) (Bill, error) {
	wanted := number
	b, err := s.take(ctx, actor, number, func(st *step) (string, error) {
		if st.bill.completed() {
			return "", completedAlready(st.bill)
		}
		next, err := change.apply(st.bill)
		if err != nil {
			return "", err
		}
		wanted = next.Number
		if next.state() == st.before {
			return "", nil
		}
		err = st.q.updateBill(ctx, updateBillParams{OrgID: actor.OrgID, ID: st.bill.ID, Number: next.Number,
			NumberKey: code.FoldNumber(next.Number), Description: next.Description, Capacity: next.Capacity})
		if err != nil {
			return "", fmt.Errorf("edit bill %s: %w", st.bill.Number, err)
		}
		return "edit_bill", nil
	})
	return b, named(err, wanted)
}

// apply gives the bill as it would be, or refuses the change.
func (c Change) apply(b lockBillRow) (lockBillRow, error) {
	if c.Number != nil {
		clean, err := code.CleanNumber(*c.Number)
		if err != nil {
			return b, err
		}
		b.Number = clean
	}
	if c.Description != nil {
		if err := judgeDescription(*c.Description); err != nil {
			return b, err
		}
		b.Description = *c.Description
	}
	if c.Capacity != nil {
		if err := judgeCapacity(*c.Capacity, int(b.Linked)); err != nil {
			return b, err
		}
		b.Capacity = int32(*c.Capacity) //nolint:gosec // at most 500
	}
	return b, nil
}
