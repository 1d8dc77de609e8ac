package bag

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/code"
	"traitortrack/internal/pg"
	"traitortrack/internal/weight"
)

// load claims the scans' ids, then locks the bags that they name, and only then reads what is decided on. The order
// of locks is the same everywhere: receipts by id, parents by code, children by code, bills by number.
func load(ctx context.Context, q *Queries, s *state, group []reading) error {
	if err := loadFirst(ctx, q, s, group); err != nil {
		return err
	}
	var parents, children []string
	for _, v := range s.seen { // a replay answers with its parent's counts as they are now
		parents = append(parents, v.parent, v.code)
	}
	for _, r := range group {
		if r.parentKind == code.Parent {
			parents = append(parents, r.parent)
		}
		if r.kind == code.Parent {
			parents = append(parents, r.code)
		} else {
			children = append(children, r.code)
		}
	}
	if err := loadParents(ctx, q, s, parents); err != nil {
		return err
	}
	if err := loadChildren(ctx, q, s, children); err != nil {
		return err
	}
	for _, r := range group { // a parent that came to be after the parents were locked
		if c := s.children[r.code]; c != nil && c.parent == r.parent && r.parent != "" && s.parents[r.parent] == nil {
			return pg.ErrAgain
		}
	}
	return loadBills(ctx, q, s)
}

// loadFirst claims the ids that are new, and recalls the first verdicts of those that are not.
func loadFirst(ctx context.Context, q *Queries, s *state, group []reading) error {
	s.seen = map[uuid.UUID]verdict{}
	claims := claimReceiptsParams{OrgID: s.who.OrgID}
	sorted := slices.Clone(group)
	slices.SortStableFunc(sorted, func(a, b reading) int { return bytes.Compare(a.id[:], b.id[:]) })
	sorted = slices.CompactFunc(sorted, func(a, b reading) bool { return a.id == b.id })
	for _, r := range sorted {
		claims.ScanIds, claims.Ats = append(claims.ScanIds, r.id), append(claims.Ats, r.at)
	}
	if len(sorted) == 0 {
		return nil
	}
	fresh, err := q.claimReceipts(ctx, claims)
	if err != nil {
		return fmt.Errorf("claim receipts: %w", err)
	}
	if len(fresh) == len(sorted) {
		return nil
	}
	used := slices.DeleteFunc(claims.ScanIds, func(id uuid.UUID) bool { return slices.Contains(fresh, id) })
	rows, err := q.firstOutcomes(ctx, firstOutcomesParams{OrgID: s.who.OrgID, ScanIds: used})
	if err != nil {
		return fmt.Errorf("read first outcomes: %w", err)
	}
	for _, row := range rows {
		s.seen[row.ID] = recall(row)
	}
	if len(s.seen) != len(used) {
		return fmt.Errorf("%d of %d receipts have no scan", len(used)-len(s.seen), len(used))
	}
	return nil
}

func loadParents(ctx context.Context, q *Queries, s *state, codes []string) error {
	s.parents = map[string]*parent{}
	if codes = distinct(codes); len(codes) == 0 {
		return nil
	}
	rows, err := q.lockParents(ctx, lockParentsParams{OrgID: s.who.OrgID, Codes: codes})
	if err != nil {
		return fmt.Errorf("lock parents: %w", err)
	}
	for _, row := range rows {
		p := &parent{id: row.ID, code: row.Code, area: row.Area, capacity: int(row.Capacity), children: int(row.Children),
			grams: weight.Grams(row.WeightGrams), closed: row.ClosedByHand}
		if row.ChildGrams != nil {
			p.childGrams = weight.Grams(*row.ChildGrams)
		}
		s.parents[row.Code] = p
	}
	return nil
}

// loadChildren locks the children, and then reads where they are.
func loadChildren(ctx context.Context, q *Queries, s *state, codes []string) error {
	s.children = map[string]*child{}
	if codes = distinct(codes); len(codes) == 0 {
		return nil
	}
	rows, err := q.lockChildren(ctx, lockChildrenParams{OrgID: s.who.OrgID, Codes: codes})
	if err != nil || len(rows) == 0 {
		return wrap("lock children", err)
	}
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
		s.children[row.Code] = &child{id: row.ID, code: row.Code}
		if row.ChildGrams != nil {
			s.children[row.Code].grams = weight.Grams(*row.ChildGrams)
		}
	}
	links, err := q.linksOf(ctx, linksOfParams{OrgID: s.who.OrgID, ChildIds: ids})
	for _, l := range links {
		c := s.children[l.Code]
		c.parent, c.by, c.byName, c.since, c.grams = l.ParentCode, l.LinkedBy, l.Username, l.LinkedAt, weight.Grams(l.WeightGrams)
	}
	return wrap("read links", err)
}

// loadBills holds off the completion of the bills that the locked parents are on, and notes which are completed.
func loadBills(ctx context.Context, q *Queries, s *state) error {
	byID := map[int64]*parent{}
	var ids []int64
	for _, p := range s.parents {
		byID[p.id], ids = p, append(ids, p.id)
	}
	if len(ids) == 0 {
		return nil
	}
	bills, err := q.lockBillsOf(ctx, lockBillsOfParams{OrgID: s.who.OrgID, ParentIds: ids})
	for _, b := range bills {
		if b.Completed {
			byID[b.BagID].doneBill = b.Number
		}
	}
	return wrap("lock bills", err)
}

func distinct(codes []string) []string {
	slices.Sort(codes)
	return slices.DeleteFunc(slices.Compact(codes), func(c string) bool { return c == "" })
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// never is the time that stands for none where a list of times is written.
func never(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
