package bag

import (
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
)

// judgeUnlink decides whether the actor may take a child out of its parent.
func judgeUnlink(who authz.Actor, now time.Time, p *parent, c *child) *errs.Error {
	undo := c.by == who.UserID && now.Sub(c.since) <= undoWithin
	switch {
	case !who.Can(authz.UnlinkAny) && !undo:
		return errs.New(errs.Forbidden, "forbidden", "You can take out what you scanned yourself within the last hour. Ask a biller or an admin to take out %s.", c.code)
	case !who.InArea(p.area):
		return otherArea(p)
	case p.doneBill != "":
		return errs.New(errs.Conflict, "parent_billed", "%s is on bill %s, which is completed. Have the bill reopened first.", p.code, p.doneBill)
	}
	return nil
}

// judgeClose decides whether a parent may be closed by hand.
func judgeClose(who authz.Actor, p *parent) *errs.Error {
	if !who.InArea(p.area) {
		return otherArea(p)
	}
	if p.children == 0 {
		return errs.New(errs.Conflict, "parent_empty", "%s is empty, and an empty parent is not closed. Scan a child into it first.", p.code)
	}
	return nil
}

// judgeReopen decides whether a parent that was closed by hand may be opened again.
func judgeReopen(who authz.Actor, p *parent) *errs.Error {
	if !who.InArea(p.area) {
		return otherArea(p)
	}
	if p.closed && p.doneBill != "" {
		return errs.New(errs.Conflict, "parent_billed", "%s is on bill %s, which is completed. Have the bill reopened first.", p.code, p.doneBill)
	}
	return nil
}

// judgeDelete decides whether a bag may go: only one that is neither linked nor billed.
func judgeDelete(code, linkedTo string, holds int, bill string) *errs.Error {
	switch {
	case linkedTo != "":
		return errs.New(errs.Conflict, "bag_linked", "%s is in %s. Take it out first.", code, linkedTo)
	case holds > 0:
		return errs.New(errs.Conflict, "bag_linked", "%s holds %d children. Take them out first.", code, holds)
	case bill != "":
		return errs.New(errs.Conflict, "bag_billed", "%s is on bill %s. Remove it there first.", code, bill)
	}
	return nil
}
