package bag

import (
	"context"
	"fmt"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/pg"
	"traitortrack/internal/tally"
)

// Delete removes a bag that is neither linked nor on a bill. Its story stays. It refuses with bag_not_found, bag_linked
// or bag_billed.
func (s *Store) Delete(ctx context.Context, actor authz.Actor, rawCode string) error {
	if err := actor.Require(authz.DeleteBag); err != nil {
		return err
	}
	bagCode := code.Normalise(rawCode)
	return s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		if err := newState(actor.OrgID, nil).load(ctx, tx, []string{bagCode}, nil); err != nil {
			return err
		}
		rows, err := New(tx).describe(ctx, describeParams{OrgID: actor.OrgID, Codes: []string{bagCode}})
		if err != nil {
			return fmt.Errorf("look up %s: %w", bagCode, err)
		}
		if len(rows) == 0 {
			return notFound(bagCode)
		}
		b := rows[0].bag()
		if refused := judgeDelete(b.Code, b.Parent, b.ChildCount, b.Bill); refused != nil {
			return refused
		}
		return s.writeDelete(ctx, tx, actor, b, rows[0].ID)
	})
}

func (s *Store) writeDelete(ctx context.Context, tx pg.Tx, actor authz.Actor, b Bag, id int64) error {
	if err := New(tx).deleteBag(ctx, deleteBagParams{OrgID: actor.OrgID, Kind: b.Kind, ID: id}); err != nil {
		return fmt.Errorf("delete %s: %w", b.Code, err)
	}
	err := audit.Record(ctx, tx, actor, audit.Entry{Action: "delete_bag", EntityType: "bag", EntityID: b.Code,
		Before: map[string]any{"kind": b.Kind, "status": b.Status, "format": b.Format, "area": b.Area, "created_at": b.CreatedAt}})
	if err != nil {
		return err
	}
	gone := tally.Delta{Parents: -1}
	if b.Kind == string(code.Child) {
		gone = tally.Delta{Children: -1}
	}
	return tally.Add(ctx, tx, actor, s.now(), gone)
}
