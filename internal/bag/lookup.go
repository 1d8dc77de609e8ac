package bag

import (
	"context"
	"fmt"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/pg"
	"traitortrack/internal/weight"
)

// Find gives a bag with its children or its parent, and its bill. It refuses with bag_not_found.
func (s *Store) Find(ctx context.Context, actor authz.Actor, rawCode string) (Bag, error) {
	if err := actor.Require(authz.Scan); err != nil {
		return Bag{}, err
	}
	bagCode := code.Normalise(rawCode)
	var b Bag
	err := s.db.Read(ctx, func(tx pg.Tx) error {
		rows, err := New(tx).describe(ctx, describeParams{OrgID: actor.OrgID, Codes: []string{bagCode}})
		if err != nil {
			return fmt.Errorf("find %s: %w", bagCode, err)
		}
		if len(rows) == 0 {
			return notFound(bagCode)
		}
		b = rows[0].bag()
		b.Children, err = childrenIn(ctx, New(tx), actor.OrgID, rows[0])
		return err
	})
	return b, err
}

func childrenIn(ctx context.Context, q *Queries, orgID int64, row describeRow) ([]Child, error) {
	if row.Kind != string(code.Parent) {
		return nil, nil
	}
	rows, err := q.childrenOf(ctx, childrenOfParams{OrgID: orgID, ParentID: row.ID})
	if err != nil {
		return nil, fmt.Errorf("children of %s: %w", row.Code, err)
	}
	children := make([]Child, len(rows))
	for i, r := range rows {
		children[i] = Child{Code: r.Code, Weight: weight.Grams(r.WeightGrams), LinkedBy: r.Username, LinkedAt: r.LinkedAt}
	}
	return children, nil
}

// bag gives the row as a bag. A parent's expected weight is its capacity times the weight of one child.
func (r describeRow) bag() Bag {
	b := Bag{Code: r.Code, Kind: r.Kind, Status: r.Status, Format: r.Format, Area: r.Area, Parent: r.ParentCode, Bill: r.Bill,
		Capacity: int(r.Capacity), ChildCount: int(r.Children), Weight: weight.Grams(r.WeightGrams),
		ExpectedWeight: weight.Grams(r.Capacity) * weight.Grams(r.ChildGrams), ClosedByHand: r.ClosedByHand,
		CreatedAt: r.CreatedAt, LastScanAt: r.LastScanAt}
	if b.Kind == string(code.Child) {
		b.Weight = weight.Grams(max(r.LinkGrams, r.ChildGrams))
	}
	return b
}
