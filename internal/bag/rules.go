package bag

import (
	"fmt"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/tally"
	"traitortrack/internal/told"
)

// Bounds of a device's clock, and of how long a dispatcher may take back what they scanned.
const (
	aheadAtMost  = 5 * time.Minute
	behindAtMost = 30 * 24 * time.Hour
	undoWithin   = time.Hour
)

// Outcomes of an accepted scan, and of one that told nothing new.
const (
	opened    = "opened"
	resumed   = "resumed"
	linked    = "linked"
	duplicate = "duplicate"
	done      = "done" // of an event that is not a scan
)

// judgeClock refuses a device's time that cannot be true.
func judgeClock(now time.Time, at *time.Time) *errs.Error {
	switch {
	case at == nil:
		return nil
	case at.After(now.Add(aheadAtMost)):
		return errs.Field("scanned_at", "invalid_time", "This device's clock is more than five minutes ahead. Set it right and scan again.")
	case at.Before(now.Add(-behindAtMost)):
		return errs.Field("scanned_at", "invalid_time", "This scan is older than 30 days and is not taken any more. Scan the bag again.")
	}
	return nil
}

// judgeCodes recognises a scan's codes, and refuses what is none.
func judgeCodes(formats code.Formats, rawCode, rawParent string) (reading, *errs.Error) {
	r := reading{code: code.Normalise(rawCode), parent: code.Normalise(rawParent)}
	var ok bool
	if r.kind, r.format, ok = formats.Recognise(r.code); !ok {
		return r, noCode("code", r.code)
	}
	if rawParent == "" {
		return r, nil
	}
	if r.parentKind, r.parentFormat, ok = formats.Recognise(r.parent); !ok {
		return r, noCode("parent", r.parent)
	}
	return r, nil
}

// mostShown is how many characters of a code that is none are shown back.
const mostShown = 24

func noCode(field, text string) *errs.Error {
	if text == "" {
		return errs.Field(field, "invalid_code", "Nothing that could be a bag's code was read. Scan the label again.")
	}
	return errs.Field(field, "invalid_code", "%q is no bag's code. A child's code has 4 to 20 letters and digits. Scan the label again, or type what it says.", told.Clip(text, mostShown))
}

// decide decides one scan and applies it to the state. A scan whose id was seen before changes nothing, and has its first
// outcome.
func (s *state) decide(r reading) verdict {
	if r.refused != nil {
		s.countUnread(r)
		return verdict{code: r.code, refused: r.refused}
	}
	if first, ok := s.seen[r.id]; ok {
		if first.code != r.code || first.event != "scan" {
			return verdict{code: r.code, refused: errs.New(errs.Conflict, "scan_id_reused", "This scan's id was used for %s already. Scan again, with a new id.", first.code)}
		}
		return first.again()
	}
	v := s.judge(r)
	v.code, v.parent, v.event, v.at = r.code, r.parent, "scan", r.at
	if v.refused != nil {
		v.outcome = v.refused.Code
		v.other = v.refused.Extra["other_parent"]
	}
	s.count(r.who.UserID, v)
	s.seen[r.id] = v
	return v
}

func (s *state) count(userID int64, v verdict) {
	switch {
	case v.refused != nil:
		s.add(userID, tally.Delta{RefusedScans: 1})
	case v.outcome == duplicate:
		s.add(userID, tally.Delta{DuplicateScans: 1})
	default:
		s.add(userID, tally.Delta{AcceptedScans: 1})
	}
}

// countUnread counts a code that is none. A time that cannot be true is not counted: its scan is to come again.
func (s *state) countUnread(r reading) {
	if r.refused.Code == "invalid_code" {
		s.add(r.who.UserID, tally.Delta{RefusedScans: 1})
	}
}

func (s *state) add(userID int64, d tally.Delta) { s.added[userID] = s.added[userID].Plus(d) }

// judge gives the rules in their order: the first that applies decides.
func (s *state) judge(r reading) verdict {
	switch {
	case r.parent == "" && r.kind == code.Child:
		return refuse(errs.Field("parent", "parent_required", "%s is a child. Scan the parent that it goes into first.", r.code))
	case r.parent == "":
		return s.open(r)
	default:
		return s.link(r)
	}
}

func (s *state) open(r reading) verdict {
	p := s.parents[r.code]
	if p == nil {
		s.create(r.code, r.format, r)
		return verdict{outcome: opened, message: r.code + " is open. Scan its children."}
	}
	if !r.who.InArea(p.area) {
		return refuse(otherArea(p))
	}
	p.touched = r.at
	return verdict{outcome: resumed, message: fmt.Sprintf("%s holds %d of %d.", p.code, p.children, p.capacity)}
}

func (s *state) link(r reading) verdict {
	p, c := s.parents[r.parent], s.children[r.code]
	switch {
	case p != nil && !r.who.InArea(p.area):
		return refuse(otherArea(p))
	case r.parentKind != code.Parent:
		return refuse(errs.New(errs.Conflict, "wrong_kind", "%s is a child's code, and nothing goes into a child. Scan a parent first.", r.parent))
	case r.kind != code.Child:
		return refuse(errs.New(errs.Conflict, "wrong_kind", "%s is a parent's code, and a parent does not go into a parent. Scan a child.", r.code))
	case c != nil && c.parent == r.parent:
		c.touched, p.touched = r.at, r.at
		return verdict{outcome: duplicate, message: fmt.Sprintf("%s is in %s already (%s).", c.code, p.code, s.scanned(c, r))}
	case c != nil && c.parent != "":
		return refuse(errs.New(errs.Conflict, "linked_elsewhere", "%s is in %s (%s). Take it out there first.", c.code, c.parent, s.scanned(c, r)).With("other_parent", c.parent))
	case p != nil && p.doneBill != "":
		return refuse(errs.New(errs.Conflict, "parent_billed", "%s is on bill %s, which is completed. Scan another parent, or have the bill reopened.", p.code, p.doneBill))
	case p != nil && p.children >= p.capacity:
		return refuse(errs.New(errs.Conflict, "parent_full", "%s is full (%d of %d). Scan the next parent.", p.code, p.children, p.capacity))
	case p != nil && p.closed:
		return refuse(errs.New(errs.Conflict, "parent_completed", "%s was closed by hand with %d of %d. Open it again, or scan the next parent.", p.code, p.children, p.capacity))
	}
	if p == nil {
		p = s.create(r.parent, r.parentFormat, r)
	}
	s.put(r, p, c)
	if p.children == p.capacity {
		return verdict{outcome: linked, message: fmt.Sprintf("%s is in. %s is complete: %s kg.", r.code, p.code, p.grams)}
	}
	return verdict{outcome: linked, message: fmt.Sprintf("%s is in %s, %d of %d.", r.code, p.code, p.children, p.capacity)}
}

func (s *state) create(code string, format code.Format, by reading) *parent {
	p := &parent{code: code, format: format, capacity: format.Capacity, childGrams: format.ChildGrams, openedBy: by.who.UserID, touched: by.at}
	if by.who.Role == authz.Dispatcher {
		p.area = by.who.Area
	}
	s.parents[code] = p
	s.add(by.who.UserID, tally.Delta{Parents: 1})
	return p
}

// put links a child to a parent. A child that nobody has seen before comes to be.
func (s *state) put(r reading, p *parent, c *child) {
	if c == nil {
		c = &child{code: r.code}
		s.children[r.code] = c
		s.add(r.who.UserID, tally.Delta{Children: 1})
	}
	c.parent, c.by, c.byName, c.since, c.touched, c.fresh = p.code, r.who.UserID, r.who.Username, r.at, r.at, true
	if c.grams == 0 {
		c.grams = p.childGrams
	}
	p.children++
	p.grams += c.grams
	p.touched = r.at
	s.add(r.who.UserID, tally.Delta{Links: 1})
}

// scanned says when and by whom a child was scanned, as seen by the one who asks.
func (s *state) scanned(c *child, by reading) string {
	return "scanned " + told.Clock(c.since, by.at, s.location) + " by " + told.By(c.by, c.byName, by.who)
}

func refuse(e *errs.Error) verdict { return verdict{refused: e} }

func otherArea(p *parent) *errs.Error {
	return errs.New(errs.Forbidden, "other_area", "%s belongs to the area %s, not to yours. Leave it to its dispatchers.", p.code, p.area)
}
