package bag

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/code"
	"traitortrack/internal/pg"
	"traitortrack/internal/weight"
)

// The order of locks is the same everywhere: receipts by id, parents by code, children by code, bills by number. Statements that
// lock only lock; what is counted or looked up is read by a later statement, whose snapshot is younger than the locks.

// ask asks for all that a group is decided on: its ids are claimed, the bags that it names are locked, and then read.
func (s *state) ask(ctx context.Context, tx pg.Tx, group []reading) error {
	var b pgx.Batch
	s.claim(&b, group)
	parents, children := named(group)
	s.lock(&b, parents, children)
	return wrap("claim and lock", tx.SendBatch(ctx, &b).Close())
}

// named gives the codes of the parents and of the children that a group names.
func named(group []reading) ([]string, []string) {
	var parents, children []string
	for _, r := range group {
		if r.refused != nil {
			continue
		}
		if r.parentKind == code.Parent {
			parents = append(parents, r.parent)
		}
		if r.kind == code.Parent {
			parents = append(parents, r.code)
		} else {
			children = append(children, r.code)
		}
	}
	return parents, children
}

// claim claims the scans' ids. Those that it does not get were used before.
func (s *state) claim(b *pgx.Batch, group []reading) {
	sorted := slices.DeleteFunc(slices.Clone(group), func(r reading) bool { return r.refused != nil })
	slices.SortStableFunc(sorted, func(a, b reading) int { return bytes.Compare(a.id[:], b.id[:]) })
	sorted = slices.CompactFunc(sorted, func(a, b reading) bool { return a.id == b.id })
	var ids []uuid.UUID
	var ats []time.Time
	for _, r := range sorted {
		ids, ats = append(ids, r.id), append(ats, r.at)
		s.claimed[r.id] = false
	}
	if len(ids) > 0 {
		queue(b, pgx.RowTo[uuid.UUID], func(id uuid.UUID) error { s.claimed[id] = true; return nil }, claimReceipts, s.orgID, ids, ats)
	}
}

// lock queues the locks on bags and on the bills of the parents, and what is read under them.
func (s *state) lock(b *pgx.Batch, parents, children []string) {
	parents, children = distinct(parents), distinct(children)
	if len(parents) > 0 {
		queue(b, pgx.RowToStructByPos[lockBagsRow], s.tookBag, lockBags, parents, s.orgID)
	}
	if len(children) > 0 {
		queue(b, pgx.RowToStructByPos[lockBagsRow], s.tookBag, lockBags, children, s.orgID)
		queue(b, pgx.RowToStructByPos[linksOfRow], s.tookLink, linksOf, children, s.orgID)
	}
	if len(parents) > 0 {
		queue(b, pgx.RowToStructByPos[lockBillsOfRow], s.tookBill, lockBillsOf, parents, s.orgID)
	}
}

// load locks and reads bags at once, for a verb on one of them.
func (s *state) load(ctx context.Context, tx pg.Tx, parents, children []string) error {
	var b pgx.Batch
	s.lock(&b, parents, children)
	return wrap("lock bags", tx.SendBatch(ctx, &b).Close())
}

// queue queues a generated query, with the arguments in the order of its parameters, and what to do with each of its rows.
func queue[Row any](b *pgx.Batch, read pgx.RowToFunc[Row], take func(Row) error, sql string, args ...any) {
	b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		all, err := pgx.CollectRows(rows, read)
		for i := 0; err == nil && i < len(all); i++ {
			err = take(all[i])
		}
		return err
	})
}

func (s *state) tookBag(row lockBagsRow) error {
	if row.Kind == string(code.Child) {
		s.children[row.Code] = &child{id: row.ID, code: row.Code, grams: weight.Grams(row.ChildGrams)}
		return nil
	}
	s.parents[row.Code] = &parent{id: row.ID, code: row.Code, area: row.Area, capacity: int(row.Capacity), childGrams: weight.Grams(row.ChildGrams),
		children: int(row.Children), grams: weight.Grams(row.WeightGrams), closed: row.ClosedByHand}
	return nil
}

// tookLink notes where a child is. A child that came to be after the children were locked is not locked: decide again.
func (s *state) tookLink(row linksOfRow) error {
	c := s.children[row.Code]
	if c == nil {
		return pg.ErrAgain
	}
	c.parent, c.by, c.byName, c.since, c.grams = row.ParentCode, row.LinkedBy, row.Username, row.LinkedAt, weight.Grams(row.WeightGrams)
	return nil
}

// tookBill notes a completed bill. Its share of a lock holds off the completion of any other until the scans are committed.
func (s *state) tookBill(row lockBillsOfRow) error {
	p := s.parents[row.Code]
	if p == nil {
		return pg.ErrAgain
	}
	if row.Completed {
		p.doneBill = row.Number
	}
	return nil
}

// recallFirst recalls the first verdicts of the ids that were used before. A repeated scan may name another parent than the
// first time; the one that it is answered with is then read without a lock, for no scan of the group can change it.
func (s *state) recallFirst(ctx context.Context, q *Queries) error {
	used := []uuid.UUID{}
	for id, fresh := range s.claimed {
		if !fresh {
			used = append(used, id)
		}
	}
	if len(used) == 0 {
		return nil
	}
	rows, err := q.firstOutcomes(ctx, firstOutcomesParams{OrgID: s.orgID, ScanIds: used})
	if err != nil {
		return fmt.Errorf("read first outcomes: %w", err)
	}
	var others []string
	for _, row := range rows {
		s.seen[row.ID] = verdict{code: row.Code, parent: row.ParentCode, event: row.Event, outcome: row.Outcome, other: row.Other, at: row.At}
		if row.ParentCode != "" && s.parents[row.ParentCode] == nil {
			others = append(others, row.ParentCode)
		}
	}
	if len(rows) != len(used) {
		return fmt.Errorf("%d of %d receipts have no scan", len(used)-len(rows), len(used))
	}
	return s.readParents(ctx, q, others)
}

func (s *state) readParents(ctx context.Context, q *Queries, codes []string) error {
	if len(codes) == 0 {
		return nil
	}
	rows, err := q.summaries(ctx, summariesParams{OrgID: s.orgID, Codes: codes})
	for _, row := range rows {
		s.parents[row.Code] = &parent{id: row.ID, code: row.Code, capacity: int(row.Capacity), children: int(row.Children),
			grams: weight.Grams(row.WeightGrams), closed: row.ClosedByHand}
	}
	return wrap("read parents", err)
}

// settled finds a child in a parent that its scan names and that came to be after the parents were locked: decide again.
func (s *state) settled(group []reading) error {
	for _, r := range group {
		if c := s.children[r.code]; c != nil && r.refused == nil && r.parent != "" && c.parent == r.parent && s.parents[r.parent] == nil {
			return pg.ErrAgain
		}
	}
	return nil
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
