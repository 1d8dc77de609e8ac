package bag

import (
	"fmt"

	"traitortrack/internal/errs"
)

// again is the answer to a scan that is sent once more: its first outcome, in words that are still true.
func (v verdict) again() verdict {
	v.refused, v.message = nil, ""
	switch v.outcome {
	case opened, resumed:
		v.message = v.code + " is open. Scan its children."
	case linked:
		v.message = fmt.Sprintf("%s was put into %s by this scan.", v.code, v.parent)
	case duplicate:
		v.message = fmt.Sprintf("%s was in %s already.", v.code, v.parent)
	default:
		v.refused = v.refusedAgain()
	}
	return v
}

func (v verdict) refusedAgain() *errs.Error {
	switch v.outcome {
	case "parent_required":
		return errs.Field("parent", v.outcome, "%s is a child, and no parent was open. Scan the parent, then the child again.", v.code)
	case "other_area":
		return errs.New(errs.Forbidden, v.outcome, "That parent belongs to another area, not to yours. Leave it to its dispatchers.")
	case "linked_elsewhere":
		return errs.New(errs.Conflict, v.outcome, "%s was in %s. Take it out there first, then scan it again.", v.code, v.other).With("other_parent", v.other)
	case "wrong_kind":
		return errs.New(errs.Conflict, v.outcome, "%s does not go into %s: only a child goes into a parent.", v.code, v.parent)
	case "parent_billed":
		return errs.New(errs.Conflict, v.outcome, "%s was on a completed bill. Scan another parent.", v.parent)
	case "parent_full":
		return errs.New(errs.Conflict, v.outcome, "%s was full. Scan the next parent.", v.parent)
	case "parent_completed":
		return errs.New(errs.Conflict, v.outcome, "%s was closed by hand. Open it again, or scan the next parent.", v.parent)
	default:
		return errs.New(errs.Conflict, v.outcome, "This scan was refused (%s). Look at the bag, and scan again.", v.outcome)
	}
}
