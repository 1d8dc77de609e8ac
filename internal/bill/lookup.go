package bill

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
	"traitortrack/internal/pg"
	"traitortrack/internal/weight"
)

// Find gives a bill with its sums. It refuses with bill_not_found.
func (s *Store) Find(ctx context.Context, actor authz.Actor, number string) (Bill, error) {
	if err := actor.Require(authz.Bill); err != nil {
		return Bill{}, err
	}
	q := New(s.db.For(ctx))
	id, err := findID(ctx, q, actor.OrgID, number)
	if err != nil {
		return Bill{}, err
	}
	b, err := describeOne(ctx, q, actor.OrgID, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Bill{}, notFound(number)
	}
	return b, pg.Refusal(err)
}

// require refuses with bill_not_found, before anything is locked.
func (s *Store) require(ctx context.Context, actor authz.Actor, number string) error {
	if err := actor.Require(authz.Bill); err != nil {
		return err
	}
	_, err := findID(ctx, New(s.db.For(ctx)), actor.OrgID, number)
	return err
}

// Bags gives the parents on a bill, in the order in which they were put there. It refuses with bill_not_found.
func (s *Store) Bags(ctx context.Context, actor authz.Actor, number string) ([]Line, error) {
	if err := actor.Require(authz.Bill); err != nil {
		return nil, err
	}
	q := New(s.db.For(ctx))
	id, err := findID(ctx, q, actor.OrgID, number)
	if err != nil {
		return nil, err
	}
	rows, err := q.lines(ctx, linesParams{OrgID: actor.OrgID, BillID: id})
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("parents of bill %s: %w", number, err))
	}
	lines := make([]Line, len(rows))
	for i, r := range rows {
		lines[i] = Line{Code: r.Code, Children: int(r.Children), Capacity: int(r.Capacity), Status: r.Status, Weight: weight.Grams(r.WeightGrams),
			ExpectedWeight: weight.Grams(int64(r.Capacity) * int64(r.ChildGrams)), LinkedBy: r.LinkedBy, LinkedAt: r.LinkedAt}
	}
	return lines, nil
}

func findID(ctx context.Context, q *Queries, orgID int64, number string) (int64, error) {
	id, err := q.idOf(ctx, idOfParams{OrgID: orgID, NumberKey: key(number)})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, notFound(number)
	}
	if err != nil {
		return 0, pg.Refusal(fmt.Errorf("find bill %s: %w", number, err))
	}
	return id, nil
}

func describeOne(ctx context.Context, q *Queries, orgID, id int64) (Bill, error) {
	rows, err := q.describe(ctx, describeParams{OrgID: orgID, Ids: []int64{id}})
	if err == nil && len(rows) == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return Bill{}, fmt.Errorf("describe bill %d: %w", id, err)
	}
	return rows[0].bill(), nil
}

func (r describeRow) bill() Bill {
	return Bill{Number: r.Number, Description: r.Description, Status: r.Status, Capacity: int(r.Capacity), Linked: int(r.Linked),
		Children: int(r.Children), Weight: weight.Grams(r.Grams), ExpectedWeight: weight.Grams(r.Expected),
		CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, CompletedBy: r.CompletedBy, CompletedAt: r.CompletedAt}
}

// Filter says which bills a list shows. An empty member filters nothing.
type Filter struct {
	Status string // new, processing or completed
	Q      string // beginning of a number
	Cursor string // where the page before ended
	Limit  int    // 1 to page.MaxLimit; 0 is page.DefaultLimit
}

// place is a bill's place in a list: its id where the newest come first, and its folded number in a search.
type place struct {
	ID  int64  `json:"i"`
	Key string `json:"k"`
}

// List gives a page of bills: the newest first, or in the order of their numbers where they are searched by their
// beginning. It refuses with invalid_filter or invalid_cursor.
func (s *Store) List(ctx context.Context, actor authz.Actor, f Filter) (page.List[Bill], error) {
	none := page.List[Bill]{}
	if err := actor.Require(authz.Bill); err != nil {
		return none, err
	}
	switch f.Status {
	case "", "new", "processing", "completed":
	default:
		return none, errs.Field("status", "invalid_filter", "A bill is new, processing or completed.")
	}
	if f.Limit == 0 {
		f.Limit = page.DefaultLimit
	}
	from := place{ID: math.MaxInt64}
	if _, err := page.Decode(f.Cursor, &from); err != nil {
		return none, err
	}
	var list page.List[Bill]
	err := s.db.View(ctx, func(tx pg.Tx) error {
		places, err := f.places(ctx, New(tx), actor.OrgID, from)
		if err != nil {
			return fmt.Errorf("list bills: %w", err)
		}
		cut := page.Cut(places, f.Limit, func(p place) any { return p })
		list.Next = cut.Next
		list.Items, err = describeAll(ctx, New(tx), actor.OrgID, cut.Items)
		return err
	})
	return list, err
}

// places finds one place more than the page holds, with the index that fits the filter.
func (f Filter) places(ctx context.Context, q *Queries, orgID int64, from place) ([]place, error) {
	most := page.Most(f.Limit)
	var places []place
	switch {
	case f.Q != "":
		prefix := key(f.Q)
		if prefix == "" {
			return nil, nil // no number begins like that
		}
		params := numbersFromParams{OrgID: orgID, Prefix: prefix, Behind: prefix + "\U0010FFFF", After: from.Key, Most: most}
		if f.Status != "" {
			params.Status = &f.Status
		}
		rows, err := q.numbersFrom(ctx, params)
		for _, r := range rows {
			places = append(places, place{r.ID, r.NumberKey})
		}
		return places, err
	case f.Status != "":
		rows, err := q.newestOfStatus(ctx, newestOfStatusParams{OrgID: orgID, Status: f.Status, Before: from.ID, Most: most})
		for _, r := range rows {
			places = append(places, place{r.ID, r.NumberKey})
		}
		return places, err
	}
	rows, err := q.newest(ctx, newestParams{OrgID: orgID, Before: from.ID, Most: most})
	for _, r := range rows {
		places = append(places, place{r.ID, r.NumberKey})
	}
	return places, err
}

func describeAll(ctx context.Context, q *Queries, orgID int64, places []place) ([]Bill, error) {
	ids := make([]int64, len(places))
	for i, p := range places {
		ids[i] = p.ID
	}
	rows, err := q.describe(ctx, describeParams{OrgID: orgID, Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("describe bills: %w", err)
	}
	byID := map[int64]Bill{}
	for _, row := range rows {
		byID[row.ID] = row.bill()
	}
	bills := make([]Bill, len(ids))
	for i, id := range ids {
		bills[i] = byID[id]
	}
	return bills, nil
}
