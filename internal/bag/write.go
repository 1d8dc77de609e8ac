package bag

import (
	"context"
	"time"

	"traitortrack/internal/code"
)

// write keeps what a group of scans has changed, with one statement for each table.
func write(ctx context.Context, q *Queries, s *state, readings []reading, verdicts []verdict) error {
	if err := insertNew(ctx, q, s); err != nil {
		return wrap("insert bags", err)
	}
	if err := updateTouched(ctx, q, s); err != nil {
		return wrap("update bags", err)
	}
	if err := writeLinks(ctx, q, s); err != nil {
		return wrap("insert links", err)
	}
	if len(readings) == 0 {
		return nil
	}
	rows := insertScansParams{OrgID: s.who.OrgID, UserID: s.who.UserID, Device: s.who.Device}
	for i, r := range readings {
		rows.add(verdicts[i])
		rows.Ids = append(rows.Ids, r.id)
		rows.DeviceAts = append(rows.DeviceAts, never(r.deviceAt))
	}
	return wrap("insert scans", q.insertScans(ctx, rows))
}

// add adds what is kept of a verdict. Its id and its device's time are added beside it.
func (rows *insertScansParams) add(v verdict) {
	rows.Ats = append(rows.Ats, v.at)
	rows.Events = append(rows.Events, v.event)
	rows.Outcomes = append(rows.Outcomes, v.outcome)
	rows.Codes = append(rows.Codes, v.code)
	rows.ParentCodes = append(rows.ParentCodes, v.parent)
	rows.Others = append(rows.Others, v.other)
}

// insertNew inserts the bags that the scans brought into being, as they are at the end of the group.
func insertNew(ctx context.Context, q *Queries, s *state) error {
	rows := insertBagsParams{OrgID: s.who.OrgID, CreatedBy: s.who.UserID}
	for _, p := range s.parents {
		if p.id == 0 {
			rows.addParent(p)
		}
	}
	for _, c := range s.children {
		if c.id == 0 {
			rows.addChild(c)
		}
	}
	if len(rows.Codes) == 0 {
		return nil
	}
	inserted, err := q.insertBags(ctx, rows)
	for _, row := range inserted {
		if p := s.parents[row.Code]; p != nil {
			p.id, p.touched = row.ID, time.Time{}
		} else {
			c := s.children[row.Code]
			c.id, c.touched = row.ID, time.Time{}
		}
	}
	return err
}

func (rows *insertBagsParams) addParent(p *parent) {
	rows.Kinds, rows.Codes, rows.Ats = append(rows.Kinds, string(code.Parent)), append(rows.Codes, p.code), append(rows.Ats, p.touched)
	rows.FormatIds, rows.Areas = append(rows.FormatIds, p.format.ID), append(rows.Areas, p.area)
	rows.Capacities, rows.ChildGrams = append(rows.Capacities, int32(p.capacity)), append(rows.ChildGrams, int32(p.childGrams))
	rows.Children, rows.Weights = append(rows.Children, int32(p.children)), append(rows.Weights, int64(p.grams))
	rows.Linked = append(rows.Linked, false)
}

func (rows *insertBagsParams) addChild(c *child) {
	rows.Kinds, rows.Codes, rows.Ats = append(rows.Kinds, string(code.Child)), append(rows.Codes, c.code), append(rows.Ats, c.touched)
	rows.FormatIds, rows.Areas = append(rows.FormatIds, 0), append(rows.Areas, "")
	rows.Capacities, rows.ChildGrams = append(rows.Capacities, 0), append(rows.ChildGrams, 0)
	rows.Children, rows.Weights = append(rows.Children, 0), append(rows.Weights, 0)
	rows.Linked = append(rows.Linked, c.parent != "")
}

// updateTouched updates the bags that were there before and that a scan has touched. They are locked.
func updateTouched(ctx context.Context, q *Queries, s *state) error {
	rows := updateBagsParams{OrgID: s.who.OrgID}
	for _, p := range s.parents {
		if !p.touched.IsZero() {
			rows.addParent(p)
		}
	}
	for _, c := range s.children {
		if !c.touched.IsZero() {
			rows.addChild(c)
		}
	}
	if len(rows.Ids) == 0 {
		return nil
	}
	return q.updateBags(ctx, rows)
}

func (rows *updateBagsParams) addParent(p *parent) {
	rows.Kinds, rows.Ids, rows.Ats = append(rows.Kinds, string(code.Parent)), append(rows.Ids, p.id), append(rows.Ats, p.touched)
	rows.Children, rows.Weights = append(rows.Children, int32(p.children)), append(rows.Weights, int64(p.grams))
	rows.ClosedByHand, rows.Linked = append(rows.ClosedByHand, p.closed), append(rows.Linked, false)
}

func (rows *updateBagsParams) addChild(c *child) {
	rows.Kinds, rows.Ids, rows.Ats = append(rows.Kinds, string(code.Child)), append(rows.Ids, c.id), append(rows.Ats, c.touched)
	rows.Children, rows.Weights = append(rows.Children, 0), append(rows.Weights, 0)
	rows.ClosedByHand, rows.Linked = append(rows.ClosedByHand, false), append(rows.Linked, c.parent != "")
}

func writeLinks(ctx context.Context, q *Queries, s *state) error {
	rows := insertLinksParams{OrgID: s.who.OrgID, LinkedBy: s.who.UserID}
	for _, c := range s.children {
		if c.fresh {
			rows.ChildIds, rows.ParentIds = append(rows.ChildIds, c.id), append(rows.ParentIds, s.parents[c.parent].id)
			rows.Weights, rows.Ats = append(rows.Weights, int32(c.grams)), append(rows.Ats, c.since)
		}
	}
	if len(rows.ChildIds) == 0 {
		return nil
	}
	return q.insertLinks(ctx, rows)
}
