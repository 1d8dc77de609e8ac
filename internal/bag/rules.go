package bag

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/tally"
	"traitortrack/internal/weight"
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

// reading is a scan that is well formed: its codes are codes. at is the server's time for it.
type reading struct {
	id           uuid.UUID
	code         string
	kind         code.Kind
	format       code.Format // of the code, when it is a parent's
	parent       string      // empty when none was given
	parentKind   code.Kind
	parentFormat code.Format
	at           time.Time
	deviceAt     *time.Time
}

// state is what a batch of scans is decided against: the bags that it names, locked and loaded. Each decision changes
// it, so that the next one sees what the one before did.
type state struct {
	who      authz.Actor
	location *time.Location
	parents  map[string]*parent
	children map[string]*child
	seen     map[uuid.UUID]verdict // the scans whose ids were used already, and those decided here
	added    tally.Delta
}

type parent struct {
	id         int64 // 0 until it is inserted
	code       string
	format     code.Format // only of a new one
	area       string
	capacity   int
	childGrams weight.Grams
	children   int
	grams      weight.Grams
	closed     bool   // by hand
	doneBill   string // number of the completed bill that it is on
	touched    time.Time
}

type child struct {
	id      int64
	code    string
	grams   weight.Grams // its own weight, where one was given
	parent  string       // code of the parent that it is in
	by      int64
	byName  string
	since   time.Time
	touched time.Time
	fresh   bool // linked by this batch
}

// verdict is what was decided about one scan: what is kept of it, and what is answered from that.
type verdict struct {
	code, parent string
	event        string
	outcome      string // an outcome, or the code of the refusal
	other        string // the other parent that a refusal names
	at           time.Time
	refused      *errs.Error // nil for a verdict that was read back
	message      string
}

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

func noCode(field, text string) *errs.Error {
	if text == "" {
		return errs.Field(field, "invalid_code", "Nothing that could be a bag's code was read. Scan the label again.")
	}
	return errs.Field(field, "invalid_code", "%q is no bag's code. A child's code has 4 to 20 letters and digits. Scan the label again, or type what it says.", clip(text))
}

func clip(text string) string {
	if runes := []rune(text); len(runes) > 24 {
		return string(runes[:24]) + "…"
	}
	return text
}

// decide decides one scan and applies it to the state. A scan whose id was seen before changes nothing.
func (s *state) decide(r reading) verdict {
	if first, ok := s.seen[r.id]; ok {
		if first.code != r.code || first.event != "scan" {
			return verdict{code: r.code, refused: errs.New(errs.Conflict, "scan_id_reused", "This scan's id was used for %s already. Scan again, with a new id.", first.code)}
		}
		return first
	}
	v := s.judge(r)
	v.code, v.parent, v.event, v.at = r.code, r.parent, "scan", r.at
	if v.refused != nil {
		v.outcome = v.refused.Code
		v.other = v.refused.Extra["other_parent"]
	}
	s.count(v)
	s.seen[r.id] = v
	return v
}

func (s *state) count(v verdict) {
	switch {
	case v.refused != nil:
		s.added.RefusedScans++
	case v.outcome == duplicate:
		s.added.DuplicateScans++
	default:
		s.added.AcceptedScans++
	}
}

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
		s.create(r.code, r.format, r.at)
		return verdict{outcome: opened, message: r.code + " is open. Scan its children."}
	}
	if !s.who.InArea(p.area) {
		return refuse(otherArea(p))
	}
	p.touched = r.at
	return verdict{outcome: resumed, message: fmt.Sprintf("%s holds %d of %d.", p.code, p.children, p.capacity)}
}

func (s *state) link(r reading) verdict {
	p, c := s.parents[r.parent], s.children[r.code]
	switch {
	case p != nil && !s.who.InArea(p.area):
		return refuse(otherArea(p))
	case r.parentKind != code.Parent:
		return refuse(errs.New(errs.Conflict, "wrong_kind", "%s is a child's code, and nothing goes into a child. Scan a parent first.", r.parent))
	case r.kind != code.Child:
		return refuse(errs.New(errs.Conflict, "wrong_kind", "%s is a parent's code, and a parent does not go into a parent. Scan a child.", r.code))
	case c != nil && c.parent == r.parent:
		c.touched, p.touched = r.at, r.at
		return verdict{outcome: duplicate, message: fmt.Sprintf("%s is in %s already (%s).", c.code, p.code, s.scanned(c, r.at))}
	case c != nil && c.parent != "":
		return refuse(errs.New(errs.Conflict, "linked_elsewhere", "%s is in %s (%s). Take it out there first.", c.code, c.parent, s.scanned(c, r.at)).With("other_parent", c.parent))
	case p != nil && p.doneBill != "":
		return refuse(errs.New(errs.Conflict, "parent_billed", "%s is on bill %s, which is completed. Scan another parent, or have the bill reopened.", p.code, p.doneBill))
	case p != nil && p.children >= p.capacity:
		return refuse(errs.New(errs.Conflict, "parent_full", "%s is full (%d of %d). Scan the next parent.", p.code, p.children, p.capacity))
	case p != nil && p.closed:
		return refuse(errs.New(errs.Conflict, "parent_completed", "%s was closed by hand with %d of %d. Open it again, or scan the next parent.", p.code, p.children, p.capacity))
	}
	if p == nil {
		p = s.create(r.parent, r.parentFormat, r.at)
	}
	s.put(r, p, c)
	if p.children == p.capacity {
		return verdict{outcome: linked, message: fmt.Sprintf("%s is in. %s is complete: %s kg.", r.code, p.code, p.grams)}
	}
	return verdict{outcome: linked, message: fmt.Sprintf("%s is in %s, %d of %d.", r.code, p.code, p.children, p.capacity)}
}

func (s *state) create(code string, format code.Format, at time.Time) *parent {
	p := &parent{code: code, format: format, capacity: format.Capacity, childGrams: format.ChildGrams, touched: at}
	if s.who.Role == authz.Dispatcher {
		p.area = s.who.Area
	}
	s.parents[code] = p
	s.added.Parents++
	return p
}

// put links a child to a parent. A child that nobody has seen before comes to be.
func (s *state) put(r reading, p *parent, c *child) {
	if c == nil {
		c = &child{code: r.code}
		s.children[r.code] = c
		s.added.Children++
	}
	c.parent, c.by, c.byName, c.since, c.touched, c.fresh = p.code, s.who.UserID, s.who.Username, r.at, r.at, true
	if c.grams == 0 {
		c.grams = p.childGrams
	}
	p.children++
	p.grams += c.grams
	p.touched = r.at
	s.added.Links++
}

// scanned says when and by whom a child was scanned, as seen by the one who asks.
func (s *state) scanned(c *child, now time.Time) string {
	return "scanned " + clock(c.since, now, s.location) + " by " + name(c.by, c.byName, s.who)
}

// clock gives a time of today as 15:04, and an earlier one with its day.
func clock(t, now time.Time, location *time.Location) string {
	t, now = t.In(location), now.In(location)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}

func name(id int64, username string, who authz.Actor) string {
	if id == who.UserID {
		return "you"
	}
	return username
}

func refuse(e *errs.Error) verdict { return verdict{refused: e} }

func otherArea(p *parent) *errs.Error {
	return errs.New(errs.Forbidden, "other_area", "%s belongs to the area %s, not to yours. Leave it to its dispatchers.", p.code, p.area)
}

// status gives a parent's status, as the database generates it.
func (p *parent) status() string {
	switch {
	case p.children == 0:
		return "pending"
	case p.children >= p.capacity || p.closed:
		return "completed"
	default:
		return "in_progress"
	}
}

func (p *parent) summary() Summary {
	return Summary{Code: p.code, Children: p.children, Capacity: p.capacity, Status: p.status(), Weight: p.grams}
}

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
