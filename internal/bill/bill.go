// Package bill has the bills: dispatch documents made of parents, with the weights that leave the warehouse.
package bill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/tally"
	"traitortrack/internal/told"
	"traitortrack/internal/weight"
)

// Store has the verbs on bills.
type Store struct {
	db   *pg.DB
	orgs *org.Store
	now  func() time.Time
}

// NewStore makes the store of bills. now is the server's clock.
func NewStore(db *pg.DB, orgs *org.Store, now func() time.Time) *Store {
	return &Store{db: db, orgs: orgs, now: now}
}

// Bill is a bill with the sums over its parents at the time of asking.
type Bill struct {
	Number         string
	Description    string
	Status         string // new, processing or completed
	Capacity       int    // parents that a complete bill holds
	Linked         int    // parents on it now
	Children       int
	Weight         weight.Grams // what its parents weigh
	ExpectedWeight weight.Grams // what they would weigh if each were full
	CreatedBy      string
	CreatedAt      time.Time
	CompletedBy    *string
	CompletedAt    *time.Time
}

// Line is one parent on a bill.
type Line struct {
	Code           string
	Children       int
	Capacity       int
	Status         string
	Weight         weight.Grams
	ExpectedWeight weight.Grams
	LinkedBy       string
	LinkedAt       time.Time
}

// state is a bill as the audit log keeps it.
type state struct {
	Number      string `json:"number"`
	Description string `json:"description"`
	Capacity    int    `json:"capacity"`
	Linked      int    `json:"linked"`
	Status      string `json:"status"`
}

func (b lockBillRow) state() state {
	return state{Number: b.Number, Description: b.Description, Capacity: int(b.Capacity), Linked: int(b.Linked), Status: b.Status}
}

func (b Bill) state() state {
	return state{Number: b.Number, Description: b.Description, Capacity: b.Capacity, Linked: b.Linked, Status: b.Status}
}

func (b lockBillRow) completed() bool { return b.CompletedAt != nil }

// step is a step of one bill under way: the bill is locked, and what changes is gathered for the log and the totals.
type step struct {
	q      *Queries
	tx     pg.Tx
	who    authz.Actor
	at     time.Time
	bill   lockBillRow
	before state
}

func (s *Store) step(tx pg.Tx, who authz.Actor) *step {
	return &step{q: New(tx), tx: tx, who: who, at: s.now().Truncate(time.Microsecond)}
}

// take locks a bill, takes a step with it, and answers the bill as it is then. The step gives the action that the audit
// log names, or an empty one when nothing changed.
func (s *Store) take(ctx context.Context, actor authz.Actor, number string, do func(*step) (string, error)) (Bill, error) {
	if err := actor.Require(authz.Bill); err != nil {
		return Bill{}, err
	}
	var after Bill
	err := s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		st := s.step(tx, actor)
		if err := st.lock(ctx, number); err != nil {
			return err
		}
		action, err := do(st)
		if err != nil {
			return err
		}
		if after, err = describeOne(ctx, st.q, actor.OrgID, st.bill.ID); err != nil {
			return err
		}
		return st.record(ctx, action, after)
	})
	return after, err
}

// lock locks the bill of a number.
func (st *step) lock(ctx context.Context, number string) error {
	row, err := st.q.lockBill(ctx, lockBillParams{OrgID: st.who.OrgID, NumberKey: key(number)})
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound(number)
	}
	if err != nil {
		return fmt.Errorf("lock bill %s: %w", number, err)
	}
	st.bill, st.before = row, row.state()
	return nil
}

// record writes a step into the audit log, and adds what it did to the totals, as its last lock.
func (st *step) record(ctx context.Context, action string, after Bill) error {
	if action == "" {
		return nil
	}
	e := audit.Entry{Action: action, EntityType: "bill", EntityID: after.Number, After: after.state()}
	if st.before != (state{}) {
		e.Before = st.before
	}
	err := audit.Record(ctx, st.tx, st.who, e)
	if err != nil {
		return err
	}
	return tally.Add(ctx, st.tx, st.who, st.at, moved(st.before.Status, after.Status))
}

// recordParent records a step of one of the bill's parents.
func (st *step) recordParent(ctx context.Context, action, parentCode string, after Bill) error {
	err := audit.Record(ctx, st.tx, st.who, audit.Entry{Action: action, EntityType: "bill", EntityID: after.Number,
		Details: map[string]string{"parent": parentCode}, Before: st.before, After: after.state()})
	if err != nil {
		return err
	}
	return tally.Add(ctx, st.tx, st.who, st.at, moved(st.before.Status, after.Status))
}

// recordDelete records that the bill is gone, and which parents it held.
func (st *step) recordDelete(ctx context.Context, parents []string) error {
	return audit.Record(ctx, st.tx, st.who, audit.Entry{Action: "delete_bill", EntityType: "bill", EntityID: st.bill.Number,
		Details: map[string]any{"parents": parents}, Before: st.before})
}

// tell adds an event to the stories of parents.
func (st *step) tell(ctx context.Context, event, outcome string, id uuid.UUID, at time.Time, codes ...string) error {
	rows := insertEventsParams{OrgID: st.who.OrgID, Event: event, Outcome: outcome, Other: st.bill.Number, UserID: st.who.UserID,
		Device: st.who.Device, Codes: codes}
	for i := range codes {
		if i > 0 || id == uuid.Nil {
			fresh, err := uuid.NewV7()
			if err != nil {
				return fmt.Errorf("make an event's id: %w", err)
			}
			id = fresh
		}
		rows.Ids, rows.Ats = append(rows.Ids, id), append(rows.Ats, at.Add(time.Duration(i)*time.Microsecond))
	}
	if err := st.q.insertEvents(ctx, rows); err != nil {
		return fmt.Errorf("tell %s of %d parents: %w", event, len(codes), err)
	}
	return nil
}

// key gives the key of a number as it was typed. What is no number has a key that no bill has.
func key(number string) string {
	clean, err := code.CleanNumber(number)
	if err != nil {
		return ""
	}
	return code.FoldNumber(clean)
}

// mostShown is how many characters of what somebody typed are shown back.
const mostShown = 50

func notFound(number string) *errs.Error {
	return errs.New(errs.NotFound, "bill_not_found", "There is no bill %q. Check its number, or look for it among the bills.", told.Clip(number, mostShown))
}
