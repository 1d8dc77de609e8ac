// Package bag has the bags of the warehouse: parents, the children in them, and the scans that put them there. They are
// one package because they share one invariant and one transaction.
package bag

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/errs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/weight"
)

// Store has the verbs on bags.
type Store struct {
	db         *pg.DB
	orgs       *org.Store
	now        func() time.Time
	ungrouped  bool
	mu         sync.Mutex
	committers map[int64]*committer // by organization
	gauges     gauges
}

// Option changes how a store works.
type Option func(*Store)

// Grouped says whether scans that come together commit together, as they do unless it is said. Else each request's scans commit in a
// transaction of their own, for comparison.
func Grouped(grouped bool) Option { return func(s *Store) { s.ungrouped = !grouped } }

// NewStore makes the store of bags. now is the server's clock.
func NewStore(db *pg.DB, orgs *org.Store, now func() time.Time, options ...Option) *Store {
	s := &Store{db: db, orgs: orgs, now: now, committers: map[int64]*committer{}}
	for _, option := range options {
		option(s)
	}
	return s
}

// Request is one scan, as a device sends it.
type Request struct {
	ScanID    uuid.UUID  // made by the device; the zero id gets one here
	Code      string     // as it was scanned
	Parent    string     // the parent being filled, as it was scanned; empty to open one
	ScannedAt *time.Time // the device's clock, where it was offline
}

// Result is the answer to one scan: an outcome, or a refusal.
type Result struct {
	ScanID  uuid.UUID
	Outcome string // opened, resumed, linked or duplicate; empty when it was refused
	Code    string // normalised
	Parent  *Summary
	Message string
	Refused *errs.Error
}

// Summary is a parent in short, as it is after a step.
type Summary struct {
	Code     string       `json:"code"`
	Children int          `json:"children"`
	Capacity int          `json:"capacity"`
	Status   string       `json:"status"` // pending, in_progress or completed
	Weight   weight.Grams `json:"weight_kg"`
}

// Bag is one bag with what a page shows of it.
type Bag struct {
	Code           string
	Kind           string // parent or child
	Status         string // of a parent pending, in_progress or completed; of a child linked or unlinked
	Format         string // name of a parent's format
	Area           string // a parent's dispatch area; empty means everywhere
	Parent         string // code of the parent that a child is in
	Bill           string // number of the bill that the bag is on
	Capacity       int    // children that a parent holds when full
	ChildCount     int    // children that a parent holds now
	Children       []Child
	Weight         weight.Grams
	ExpectedWeight weight.Grams // of a parent, when full
	ClosedByHand   bool
	CreatedAt      time.Time
	LastScanAt     *time.Time
}

// Child is a child in a parent.
type Child struct {
	Code     string
	Weight   weight.Grams
	LinkedBy string // user name
	LinkedAt time.Time
}

// Event is one line of a bag's story.
type Event struct {
	At         time.Time // the server's clock
	DeviceAt   *time.Time
	ID         uuid.UUID
	Event      string // scan, unlink, close, reopen, bill or unbill
	Outcome    string // what came of it: an outcome, done, or the code of a refusal
	Code       string
	ParentCode string // the parent that the event is about, where it is another bag
	Other      string // the other parent or bill that a refusal names, or the bill of bill and unbill
	Username   string
	Device     string
	Undoable   bool // whether the asker may take the child out again; known in Recent only
}
