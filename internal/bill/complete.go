package bill

import (
	"context"
	"fmt"
	"net/url"

	"traitortrack/internal/authz"
	"traitortrack/internal/notify"
)

// Complete completes a bill that is full. Completing twice is the same answer. It refuses with bill_not_found or
// bill_incomplete.
//
// It locks the bill alone. A scan into one of its parents holds that parent and then a share of the bill: either the scan is
// done first and its child leaves with the bill, or it waits for the completion and is refused as parent_billed.
func (s *Store) Complete(ctx context.Context, actor authz.Actor, number string) (Bill, error) {
	return s.take(ctx, actor, number, func(st *step) (string, error) {
		if st.bill.completed() {
			return "", nil
		}
		if refused := judgeComplete(st.bill); refused != nil {
			return "", refused
		}
		err := st.q.setCompleted(ctx, setCompletedParams{OrgID: actor.OrgID, ID: st.bill.ID, CompletedAt: &st.at, CompletedBy: &actor.UserID})
		if err != nil {
			return "", fmt.Errorf("complete bill %s: %w", st.bill.Number, err)
		}
		return "complete_bill", st.tellCompleted(ctx)
	})
}

// tellCompleted tells the admins and whoever made the bill, except for the one who completes it.
func (st *step) tellCompleted(ctx context.Context) error {
	parents := "1 parent"
	if st.bill.Linked != 1 {
		parents = fmt.Sprintf("%d parents", st.bill.Linked)
	}
	to := notify.Admins{OrgID: st.who.OrgID, Also: st.bill.CreatedBy, ButNot: st.who.UserID}
	return notify.ToAdmins(ctx, st.tx, to, notify.Notice{Kind: notify.BillCompleted, Subject: st.who.UserID,
		Message: fmt.Sprintf("%s completed bill %s with %s.", st.who.Username, st.bill.Number, parents),
		Link:    "/bills/" + url.PathEscape(st.bill.Number)})
}

// Reopen opens a completed bill again. One that is open stays as it is. It refuses with bill_not_found.
func (s *Store) Reopen(ctx context.Context, actor authz.Actor, number string) (Bill, error) {
	return s.take(ctx, actor, number, func(st *step) (string, error) {
		if !st.bill.completed() {
			return "", nil
		}
		if err := st.q.setCompleted(ctx, setCompletedParams{OrgID: actor.OrgID, ID: st.bill.ID}); err != nil {
			return "", fmt.Errorf("reopen bill %s: %w", st.bill.Number, err)
		}
		return "reopen_bill", nil
	})
}
