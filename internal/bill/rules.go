package bill

import (
	"strings"
	"unicode/utf8"

	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/tally"
)

// Bounds of what a bill may say and hold.
const (
	mostParents     = 500
	mostDescription = 500
)

// Outcomes of adding a parent.
const (
	linked    = "linked"
	duplicate = "duplicate"
)

// Draft is a bill to be created.
type Draft struct {
	Number      string
	Description string
	Capacity    int // parents, 1 to 500
}

// judgeDraft gives a draft with its number cleaned, or refuses it with invalid_bill and the field.
func judgeDraft(d Draft) (Draft, error) {
	clean, err := code.CleanNumber(d.Number)
	if err != nil {
		return d, err
	}
	d.Number = clean
	if err := judgeDescription(d.Description); err != nil {
		return d, err
	}
	return d, judgeCapacity(d.Capacity, 0)
}

func judgeDescription(text string) error {
	if utf8.RuneCountInString(text) > mostDescription || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return errs.Field("description", "invalid_bill", "A description is a text of at most %d characters.", mostDescription)
	}
	return nil
}

// judgeCapacity refuses a capacity out of bounds, or below what the bill holds.
func judgeCapacity(capacity, holds int) error {
	if capacity < 1 || capacity > mostParents {
		return errs.Field("capacity", "invalid_bill", "A bill holds 1 to %d parents.", mostParents)
	}
	if capacity < holds {
		return errs.Field("capacity", "invalid_bill", "This bill holds %d parents already. Remove some first, or choose at least %d.", holds, holds)
	}
	return nil
}

// candidate is a parent that is to go onto a bill, locked and loaded.
type candidate struct {
	code     string
	children int
	on       *placement // nil when it is on no bill
}

// placement is where a parent is, and who put it there.
type placement struct {
	billID int64
	number string
	when   string
	by     string
}

// judgeAdd decides whether a parent goes onto a bill. The rules stand in their order: the first that applies decides.
func judgeAdd(c candidate, b lockBillRow) (string, string, *errs.Error) {
	switch {
	case c.on != nil && c.on.billID == b.ID:
		return duplicate, c.code + " is on this bill already (scanned " + c.on.when + " by " + c.on.by + ").", nil
	case c.children == 0:
		return "", "", errs.New(errs.Conflict, "parent_empty", "%s is empty. Scan a child into it first.", c.code)
	case c.on != nil:
		return "", "", errs.New(errs.Conflict, "on_other_bill", "%s is on bill %s (scanned %s by %s). Remove it there first.", c.code, c.on.number, c.on.when, c.on.by).
			With("other_bill", c.on.number)
	case b.completed():
		return "", "", completedAlready(b)
	case b.Linked >= b.Capacity:
		return "", "", errs.New(errs.Conflict, "bill_full", "Bill %s holds its %d parents. Complete it, or raise its capacity.", b.Number, b.Capacity)
	}
	return linked, c.code + " is on the bill.", nil
}

// refusedAgain is the answer to a refused scan that is sent once more. on is where the parent is by now.
func refusedAgain(code, outcome string, on *placement) *errs.Error {
	if outcome == "on_other_bill" && on != nil {
		return errs.New(errs.Conflict, outcome, "%s was on another bill, and is on %s now. Remove it there, and scan it again.", code, on.number).
			With("other_bill", on.number)
	}
	return errs.New(errs.Conflict, outcome, "%s was refused for this bill (%s). Look at the bag, and scan it again.", code, outcome)
}

func completedAlready(b lockBillRow) *errs.Error {
	return errs.New(errs.Conflict, "bill_completed", "Bill %s is completed. Reopen it first.", b.Number)
}

// judgeComplete decides whether a bill may be completed.
func judgeComplete(b lockBillRow) *errs.Error {
	switch missing := b.Capacity - b.Linked; {
	case b.Linked == 0:
		return errs.New(errs.Conflict, "bill_incomplete", "Bill %s holds no parent yet. Scan its parents first.", b.Number)
	case missing > 0:
		return errs.New(errs.Conflict, "bill_incomplete", "Bill %s holds %d of %d parents. Scan %d more, or lower its capacity to %d.", b.Number, b.Linked, b.Capacity, missing, b.Linked)
	}
	return nil
}

// moved gives what a bill's change of status adds to the totals.
func moved(from, to string) tally.Delta {
	var d tally.Delta
	if from == to {
		return d
	}
	for status, n := range map[string]int64{from: -1, to: 1} {
		switch status {
		case "new":
			d.BillsNew += n
		case "processing":
			d.BillsProcessing += n
		case "completed":
			d.BillsCompleted += n
		}
	}
	return d
}
