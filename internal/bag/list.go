package bag

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
	"traitortrack/internal/pg"
)

// Filter says which bags a list shows. An empty member filters nothing.
type Filter struct {
	Kind   string // parent or child
	Status string // pending, in_progress or completed of parents; linked or unlinked of children
	Q      string // beginning of a code
	Cursor string // where the page before ended
	Limit  int    // 1 to page.MaxLimit; 0 is page.DefaultLimit
}

// place is a bag's place in a list: its id where the newest come first, and its code in a search.
type place struct {
	ID   int64  `json:"i"`
	Code string `json:"c"`
}

// List gives a page of bags: the newest first, or in the order of their codes where they are searched by their
// beginning. It refuses with invalid_filter or invalid_cursor.
func (s *Store) List(ctx context.Context, actor authz.Actor, f Filter) (page.List[Bag], error) {
	none := page.List[Bag]{}
	if err := actor.Require(authz.Scan); err != nil {
		return none, err
	}
	if err := f.check(); err != nil {
		return none, err
	}
	from := place{ID: math.MaxInt64}
	if _, err := page.Decode(f.Cursor, &from); err != nil {
		return none, err
	}
	var list page.List[Bag]
	err := s.db.View(ctx, func(tx pg.Tx) error {
		places, err := f.places(ctx, New(tx), actor.OrgID, from)
		if err != nil {
			return fmt.Errorf("list bags: %w", err)
		}
		cut := page.Cut(places, f.Limit, func(p place) any { return p })
		list.Next = cut.Next
		list.Items, err = describeAll(ctx, New(tx), actor.OrgID, cut.Items)
		return err
	})
	return list, err
}

// check completes a filter and refuses one that no bag can meet.
func (f *Filter) check() error {
	if f.Limit == 0 {
		f.Limit = page.DefaultLimit
	}
	kindOf := map[string]string{"": f.Kind, "pending": "parent", "in_progress": "parent", "completed": "parent", "linked": "child", "unlinked": "child"}
	kind, known := kindOf[f.Status]
	switch {
	case f.Kind != "" && f.Kind != "parent" && f.Kind != "child":
		return errs.Field("kind", "invalid_filter", "A bag is a parent or a child.")
	case !known:
		return errs.Field("status", "invalid_filter", "A parent is pending, in_progress or completed; a child is linked or unlinked.")
	case f.Kind != "" && f.Kind != kind:
		return errs.Field("status", "invalid_filter", "No %s is ever %s.", f.Kind, f.Status)
	}
	f.Kind, f.Q = kind, code.Normalise(f.Q)
	return nil
}

// places finds one place more than the page holds, with the index that fits the filter.
func (f Filter) places(ctx context.Context, q *Queries, orgID int64, from place) ([]place, error) {
	most := page.Most(f.Limit)
	switch {
	case f.Q != "":
		rows, err := q.codesFrom(ctx, codesFromParams{OrgID: orgID, Prefix: f.Q, Behind: f.Q + "\U0010FFFF", After: from.Code,
			Kind: optional(f.Kind), Status: optional(f.Status), Most: most})
		return convert(rows, func(r codesFromRow) place { return place(r) }), err
	case f.Status != "":
		rows, err := q.newestOfStatus(ctx, newestOfStatusParams{OrgID: orgID, Kind: f.Kind, Status: f.Status, Before: from.ID, Most: most})
		return convert(rows, func(r newestOfStatusRow) place { return place(r) }), err
	case f.Kind != "":
		rows, err := q.newestOfKind(ctx, newestOfKindParams{OrgID: orgID, Kind: f.Kind, Before: from.ID, Most: most})
		return convert(rows, func(r newestOfKindRow) place { return place(r) }), err
	}
	var both []place
	for _, kind := range []code.Kind{code.Parent, code.Child} {
		some, err := Filter{Kind: string(kind), Limit: f.Limit}.places(ctx, q, orgID, from)
		if err != nil {
			return nil, err
		}
		both = append(both, some...)
	}
	slices.SortFunc(both, func(a, b place) int { return cmp.Compare(b.ID, a.ID) })
	return both[:min(len(both), f.Limit+1)], nil
}

// describeAll gives the bags at some places, in their order. One deleted meanwhile cannot be missing: it is one snapshot.
func describeAll(ctx context.Context, q *Queries, orgID int64, places []place) ([]Bag, error) {
	codes := convert(places, func(p place) string { return p.Code })
	rows, err := q.describe(ctx, describeParams{OrgID: orgID, Codes: codes})
	if err != nil {
		return nil, fmt.Errorf("describe bags: %w", err)
	}
	byCode := map[string]Bag{}
	for _, row := range rows {
		byCode[row.Code] = row.bag()
	}
	return convert(codes, func(c string) Bag { return byCode[c] }), nil
}

func convert[A, B any](items []A, to func(A) B) []B {
	converted := make([]B, len(items))
	for i, item := range items {
		converted[i] = to(item)
	}
	return converted
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
