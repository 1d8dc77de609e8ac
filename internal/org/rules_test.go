package org

import (
	"testing"
	"time"

	"traitortrack/internal/errs"
)

// The table of the rules: the bill was due on 20 November, five days of grace, in Kolkata, where midnight is at 18:30 UTC.
func TestAccess(t *testing.T) {
	t.Parallel()
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 11, 19, 20, 0, 0, 0, time.UTC) // 20 November in Kolkata already
	lastDay := time.Date(2026, 11, 25, 0, 0, 0, 0, kolkata)
	pastDue := Billing{Standing: PastDue, Since: due, GraceDays: 5}
	trial := Billing{Standing: Trialing, TrialEnds: time.Date(2026, 11, 25, 18, 30, 0, 0, time.UTC)}
	noon := time.Date(2026, 11, 24, 6, 30, 0, 0, time.UTC)
	tests := map[string]struct {
		billing     Billing
		now         time.Time
		lastDay     time.Time
		read, write string // codes of the refusals
	}{
		"exempt":                                {Billing{Standing: Exempt}, noon, time.Time{}, "", ""},
		"active":                                {Billing{Standing: Active}, noon, time.Time{}, "", ""},
		"on trial":                              {trial, noon, lastDay, "", ""},
		"the trial's last moment":               {trial, trial.TrialEnds.Add(-1), lastDay, "", ""},
		"the trial has ended":                   {trial, trial.TrialEnds, lastDay, "", "billing_required"},
		"overdue, within grace":                 {pastDue, noon, lastDay, "", ""},
		"overdue, the last moment of grace":     {pastDue, time.Date(2026, 11, 25, 18, 29, 59, 0, time.UTC), lastDay, "", ""},
		"overdue, grace is over":                {pastDue, time.Date(2026, 11, 25, 18, 30, 0, 0, time.UTC), lastDay, "", "billing_required"},
		"overdue without grace, the same day":   {Billing{Standing: PastDue, Since: due}, due, lastDay.AddDate(0, 0, -5), "", ""},
		"overdue without grace, the next day":   {Billing{Standing: PastDue, Since: due}, due.AddDate(0, 0, 1), lastDay.AddDate(0, 0, -5), "", "billing_required"},
		"suspended":                             {Billing{Standing: Suspended}, noon, time.Time{}, "organization_inactive", "organization_inactive"},
		"canceled":                              {Billing{Standing: Canceled}, noon, time.Time{}, "organization_inactive", "organization_inactive"},
		"a standing that a later program knows": {Billing{Standing: "frozen"}, noon, time.Time{}, "organization_inactive", "organization_inactive"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := tt.billing.Access(tt.now, kolkata)
			if !a.LastDay.Equal(tt.lastDay) {
				t.Errorf("the last day is %v, want %v", a.LastDay, tt.lastDay)
			}
			for write, want := range map[bool]string{false: tt.read, true: tt.write} {
				code := ""
				if refusal := errs.As(a.Refuse(write)); refusal != nil {
					code = refusal.Code
				}
				if code != want {
					t.Errorf("write %v is refused with %q, want %q", write, code, want)
				}
			}
		})
	}
}

// Where the standing is not known, reads pass and writes stop.
func TestAccessUnknown(t *testing.T) {
	t.Parallel()
	a := Access{Read: true}
	if err := a.Refuse(false); err != nil {
		t.Errorf("a read: %v", err)
	}
	if refusal := errs.As(a.Refuse(true)); refusal == nil || refusal.Kind != errs.Unavailable {
		t.Errorf("a write: %v", refusal)
	}
}

func TestCheckBilling(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		billing Billing
		field   string
	}{
		"no standing":              {Billing{}, "standing"},
		"another standing":         {Billing{Standing: "free"}, "standing"},
		"a trial without an end":   {Billing{Standing: Trialing}, "trial_ends"},
		"a trial":                  {Billing{Standing: Trialing, TrialEnds: now}, ""},
		"overdue since never":      {Billing{Standing: PastDue}, "grace_days"},
		"overdue, grace below 0":   {Billing{Standing: PastDue, Since: now, GraceDays: -1}, "grace_days"},
		"overdue, a year and more": {Billing{Standing: PastDue, Since: now, GraceDays: 366}, "grace_days"},
		"overdue":                  {Billing{Standing: PastDue, Since: now}, ""},
		"active":                   {Billing{Standing: Active}, ""},
	} {
		field := ""
		if refusal := errs.As(tt.billing.check()); refusal != nil {
			field = refusal.Field
		}
		if field != tt.field {
			t.Errorf("%s: %q is wrong, want %q", name, field, tt.field)
		}
	}
}
