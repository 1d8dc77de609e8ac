package bag

import (
	"context"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/tally"
)

// write writes what a group of scans has changed, with one statement for each table, and the totals as the last lock.
func (s *state) write(ctx context.Context, db DBTX, scans insertScansParams, now time.Time) error {
	q := New(db)
	if err := s.insertNew(ctx, q); err != nil {
		return err
	}
	if err := s.updateTouched(ctx, q); err != nil {
		return err
	}
	if err := s.insertFresh(ctx, q); err != nil {
		return err
	}
	if len(scans.Ids) > 0 {
		if err := q.insertScans(ctx, scans); err != nil {
			return wrap("insert scans", err)
		}
	}
	return tally.AddAll(ctx, db, s.orgID, now, s.added)
}

// add adds what is kept of a verdict.
func (rows *insertScansParams) add(who authz.Actor, id uuid.UUID, deviceAt *time.Time, v verdict) {
	rows.Ats, rows.Ids, rows.DeviceAts = append(rows.Ats, v.at), append(rows.Ids, id), append(rows.DeviceAts, never(deviceAt))
	rows.Events, rows.Outcomes = append(rows.Events, v.event), append(rows.Outcomes, v.outcome)
	rows.Codes, rows.ParentCodes, rows.Others = append(rows.Codes, v.code), append(rows.ParentCodes, v.parent), append(rows.Others, v.other)
	rows.UserIds, rows.Devices = append(rows.UserIds, who.UserID), append(rows.Devices, who.Device)
}

// insertNew inserts the bags that the scans brought into being, as they are at the end of the group.
func (s *state) insertNew(ctx context.Context, q *Queries) error {
	rows := insertBagsParams{OrgID: s.orgID}
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
	return wrap("insert bags", q.insertBags(ctx, rows))
}

func (rows *insertBagsParams) addParent(p *parent) {
	rows.Kinds, rows.Codes, rows.Ats = append(rows.Kinds, string(code.Parent)), append(rows.Codes, p.code), append(rows.Ats, p.touched)
	rows.FormatIds, rows.Areas = append(rows.FormatIds, p.format.ID), append(rows.Areas, p.area)
	rows.Capacities, rows.ChildGrams = append(rows.Capacities, int32(p.capacity)), append(rows.ChildGrams, int32(p.childGrams)) //nolint:gosec // the organization's rules hold both small
	rows.Children, rows.Weights = append(rows.Children, int32(p.children)), append(rows.Weights, int64(p.grams))                //nolint:gosec // at most the capacity
	rows.Linked, rows.CreatedBy = append(rows.Linked, false), append(rows.CreatedBy, p.openedBy)
}

// addChild adds a new child. A child only comes to be by being linked.
func (rows *insertBagsParams) addChild(c *child) {
	rows.Kinds, rows.Codes, rows.Ats = append(rows.Kinds, string(code.Child)), append(rows.Codes, c.code), append(rows.Ats, c.touched)
	rows.FormatIds, rows.Areas = append(rows.FormatIds, 0), append(rows.Areas, "")
	rows.Capacities, rows.ChildGrams = append(rows.Capacities, 0), append(rows.ChildGrams, 0)
	rows.Children, rows.Weights = append(rows.Children, 0), append(rows.Weights, 0)
	rows.Linked, rows.CreatedBy = append(rows.Linked, true), append(rows.CreatedBy, c.by)
}

// updateTouched updates the bags that were there before and that a scan has touched. They are locked.
func (s *state) updateTouched(ctx context.Context, q *Queries) error {
	rows := updateBagsParams{OrgID: s.orgID}
	for _, p := range s.parents {
		if p.id != 0 && !p.touched.IsZero() {
			rows.addParent(p)
		}
	}
	for _, c := range s.children {
		if c.id != 0 && !c.touched.IsZero() {
			rows.addChild(c)
		}
	}
	if len(rows.Ids) == 0 {
		return nil
	}
	return wrap("update bags", q.updateBags(ctx, rows))
}

func (rows *updateBagsParams) addParent(p *parent) {
	rows.Kinds, rows.Ids, rows.Ats = append(rows.Kinds, string(code.Parent)), append(rows.Ids, p.id), append(rows.Ats, p.touched)
	rows.Children, rows.Weights = append(rows.Children, int32(p.children)), append(rows.Weights, int64(p.grams)) //nolint:gosec // at most the capacity
	rows.ClosedByHand, rows.Linked = append(rows.ClosedByHand, p.closed), append(rows.Linked, false)
}

func (rows *updateBagsParams) addChild(c *child) {
	rows.Kinds, rows.Ids, rows.Ats = append(rows.Kinds, string(code.Child)), append(rows.Ids, c.id), append(rows.Ats, c.touched)
	rows.Children, rows.Weights = append(rows.Children, 0), append(rows.Weights, 0)
	rows.ClosedByHand, rows.Linked = append(rows.ClosedByHand, false), append(rows.Linked, c.parent != "")
}

// insertFresh inserts the links that the scans made.
func (s *state) insertFresh(ctx context.Context, q *Queries) error {
	rows := insertLinksParams{OrgID: s.orgID}
	for _, c := range s.children {
		if c.fresh {
			rows.Children, rows.Parents = append(rows.Children, c.code), append(rows.Parents, c.parent)
			rows.Weights, rows.LinkedBy, rows.Ats = append(rows.Weights, int32(c.grams)), append(rows.LinkedBy, c.by), append(rows.Ats, c.since) //nolint:gosec // a child weighs at most a ton
		}
	}
	if len(rows.Children) == 0 {
		return nil
	}
	return wrap("insert links", q.insertLinks(ctx, rows))
}
