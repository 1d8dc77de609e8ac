package org

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/weight"
)

// Standing is how an organization stands with its bills.
type Standing string

// The standings.
const (
	Exempt    Standing = "exempt" // never asked to pay: a deployment for one's own warehouse
	Active    Standing = "active"
	Trialing  Standing = "trialing"
	PastDue   Standing = "past_due"
	Suspended Standing = "suspended"
	Canceled  Standing = "canceled"
)

// Billing is an organization's standing with what belongs to it. Members of other standings are zero.
type Billing struct {
	Standing  Standing
	TrialEnds time.Time // of Trialing
	Since     time.Time // of PastDue: the day on which the bill was due
	GraceDays int       // of PastDue: days after Since
}

// maxGrace is the most days that a bill may be late.
const maxGrace = 365

// Access is what an organization's people may do at a moment.
type Access struct {
	Standing    Standing
	Read, Write bool
	LastDay     time.Time // of grace, or of the trial: the moment at which that day begins. Zero for none
}

// terms are what a standing allows, worked out as far as that goes without a clock.
type terms struct {
	standing Standing
	read     bool
	lastDay  time.Time
	ends     time.Time // from then on nothing is written; zero for never
}

// Access decides what the standing allows at a moment. Days are those of the organization's time zone, and the last one
// counts to its end.
func (b Billing) Access(now time.Time, in *time.Location) Access { return b.terms(in).at(now) }

func (b Billing) terms(in *time.Location) terms {
	t := terms{standing: b.Standing}
	switch b.Standing {
	case Exempt, Active:
		t.read = true
	case Trialing:
		t.read, t.ends, t.lastDay = true, b.TrialEnds, day(b.TrialEnds.Add(-time.Nanosecond), in)
	case PastDue:
		t.read, t.lastDay = true, day(b.Since, in).AddDate(0, 0, b.GraceDays)
		t.ends = t.lastDay.AddDate(0, 0, 1)
	}
	return t
}

func (t terms) at(now time.Time) Access {
	write := t.read && (t.ends.IsZero() || now.Before(t.ends))
	return Access{Standing: t.standing, Read: t.read, Write: write, LastDay: t.lastDay}
}

func day(t time.Time, in *time.Location) time.Time {
	year, month, date := t.In(in).Date()
	return time.Date(year, month, date, 0, 0, 0, 0, in)
}

// Refuse gives the refusal of a read or of a write, or nil where it is allowed.
func (a Access) Refuse(write bool) error {
	switch {
	case a.Standing == "" && write:
		return errs.New(errs.Unavailable, "unavailable", "Nothing can be stored at the moment: your organization's standing cannot be looked up. Try again in a few seconds.")
	case !a.Read:
		return errs.New(errs.Forbidden, "organization_inactive", "Your organization's account is %s. Nothing is lost: it opens again when the account does.", a.Standing)
	case write && !a.Write && a.Standing == Trialing:
		return errs.New(errs.PaymentRequired, "billing_required", "Your organization's trial has ended. Everything can still be read; scanning and changes wait until the account is paid for.")
	case write && !a.Write:
		return errs.New(errs.PaymentRequired, "billing_required", "Your organization's bill is overdue. Everything can still be read; scanning and changes wait until it is paid.")
	}
	return nil
}

// check refuses a standing that is none, or lacks what belongs to it.
func (b Billing) check() error {
	switch b.Standing {
	case Exempt, Active, Suspended, Canceled:
	case Trialing:
		if b.TrialEnds.IsZero() {
			return errs.Field("trial_ends", "invalid_billing", "A trial needs the time at which it ends.")
		}
	case PastDue:
		if b.Since.IsZero() || b.GraceDays < 0 || b.GraceDays > maxGrace {
			return errs.Field("grace_days", "invalid_billing", "A bill that is past due needs the day on which it was due, and 0 to %d days of grace.", maxGrace)
		}
	default:
		return errs.Field("standing", "invalid_billing", "A standing is exempt, active, trialing, past_due, suspended or canceled.")
	}
	return nil
}

// trimmed gives the billing without what belongs to other standings.
func (b Billing) trimmed() Billing {
	switch b.Standing {
	case Trialing:
		return Billing{Standing: Trialing, TrialEnds: b.TrialEnds}
	case PastDue:
		return Billing{Standing: PastDue, Since: b.Since, GraceDays: b.GraceDays}
	default:
		return Billing{Standing: b.Standing}
	}
}

// Bounds of what settings hold.
const (
	maxOrgName    = 80
	maxFormatName = 40
	maxFormats    = 50
	maxCapacity   = 500
	maxChild      = weight.Grams(1_000_000)
)

// check refuses settings of which a value is wrong, with the field named. Texts are clean already.
func (s Settings) check() error {
	if n := utf8.RuneCountInString(s.Name); n < 1 || n > maxOrgName {
		return errs.Field("name", "invalid_settings", "The name of an organization has 1 to %d characters.", maxOrgName)
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
		return errNoTimeZone(s.TimeZone)
	}
	if len(s.Formats) < 1 || len(s.Formats) > maxFormats {
		return errs.Field("formats", "invalid_settings", "There are 1 to %d formats of bags.", maxFormats)
	}
	for i, f := range s.Formats {
		if err := checkFormat(fmt.Sprintf("formats[%d]", i), f); err != nil {
			return err
		}
	}
	return nil
}

func checkFormat(field string, f code.Format) error {
	switch n := utf8.RuneCountInString(f.Name); {
	case n < 1 || n > maxFormatName:
		return errs.Field(field+".name", "invalid_settings", "The name of a format has 1 to %d characters.", maxFormatName)
	case !code.PatternFits(f.Pattern):
		return errs.Field(field+".pattern", "invalid_settings",
			"The pattern of %s cannot be used. It is a regular expression for codes of 4 to 60 characters, and says how many there are: SB[0-9]{5,6}.", f.Name)
	case f.Capacity < 1 || f.Capacity > maxCapacity:
		return errs.Field(field+".capacity", "invalid_settings", "A parent of %s holds 1 to %d children.", f.Name, maxCapacity)
	case f.ChildGrams < 1 || f.ChildGrams > maxChild:
		return errs.Field(field+".child_weight_kg", "invalid_settings", "A child of %s weighs 0.001 to %s kg.", f.Name, maxChild)
	}
	return nil
}

// samePatterns reports whether two lists of formats recognise the same codes, because their patterns are the same.
func samePatterns(a, b []code.Format) bool {
	return slices.EqualFunc(a, b, func(x, y code.Format) bool { return x.Pattern == y.Pattern })
}

// keepsKind refuses formats under which a known code would be of another kind than it is: a code is one kind for ever.
func keepsKind(formats code.Formats, kind code.Kind, known string) error {
	got, _, ok := formats.Recognise(known)
	if ok && got == kind {
		return nil
	}
	would := "no code any more"
	if ok {
		would = "a " + string(got)
	}
	return errs.New(errs.Conflict, "format_conflict", "%s is a known %s, and would be %s under these patterns. Change them so that it stays what it is.", known, kind, would).
		With("bag", known)
}

func errNoTimeZone(name string) error {
	return errs.Field("time_zone", "invalid_time_zone", "There is no time zone %q. Use a name such as Asia/Kolkata.", name)
}
