package bag

import (
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/tally"
	"traitortrack/internal/weight"
)

// reading is a scan as it was read: its codes are codes, unless it is refused already.
type reading struct {
	who          authz.Actor
	id           uuid.UUID
	code         string
	kind         code.Kind
	format       code.Format // of the code, when it is a parent's
	parent       string      // empty when none was given
	parentKind   code.Kind
	parentFormat code.Format
	at           time.Time // the server's, from when its group is decided
	deviceAt     *time.Time
	refused      *errs.Error // it is no scan of anything: no rule sees it, and no row keeps it
}

// state is what a group of scans is decided against: the bags that it names, locked and loaded. Each decision changes
// it, so that the next one sees what the one before did.
type state struct {
	orgID    int64
	location *time.Location
	parents  map[string]*parent
	children map[string]*child
	claimed  map[uuid.UUID]bool    // the scan ids that nobody had used before
	seen     map[uuid.UUID]verdict // the scans whose ids were used before, and those decided here
	added    map[int64]tally.Delta // by user
}

func newState(orgID int64, location *time.Location) *state {
	return &state{orgID: orgID, location: location, parents: map[string]*parent{}, children: map[string]*child{},
		claimed: map[uuid.UUID]bool{}, seen: map[uuid.UUID]verdict{}, added: map[int64]tally.Delta{}}
}

type parent struct {
	id         int64 // 0 for a new one
	code       string
	format     code.Format // only of a new one
	openedBy   int64       // only of a new one
	area       string
	capacity   int
	childGrams weight.Grams
	children   int
	grams      weight.Grams
	closed     bool   // by hand
	doneBill   string // number of the completed bill that it is on
	touched    time.Time
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

type child struct {
	id      int64 // 0 for a new one
	code    string
	grams   weight.Grams // its own weight, where one was given
	parent  string       // code of the parent that it is in
	by      int64
	byName  string
	since   time.Time
	touched time.Time
	fresh   bool // linked by this group
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
