package server

import (
	"net/http"
	"time"

	"traitortrack/internal/errs"
	"traitortrack/internal/org"
)

// billingPage tells an admin how the organization stands.
type billingPage struct {
	Frame
	Billing org.Billing
	Access  org.Access
	Refused *errs.Error // what was refused, where the page stands in place of another
}

// Standing is the standing in words.
func (p billingPage) Standing() string {
	return map[org.Standing]string{org.Exempt: "Exempt: nothing is to be paid", org.Active: "Active", org.Trialing: "On trial",
		org.PastDue: "Overdue", org.Suspended: "Suspended", org.Canceled: "Canceled"}[p.Access.Standing]
}

// LastDay is the last day of the trial or of grace, in words, or empty for none.
func (p billingPage) LastDay() string {
	if p.Access.LastDay.IsZero() {
		return ""
	}
	return longDay(p.Access.LastDay)
}

// Due is the day on which an overdue bill was due, in words, or empty for none.
func (p billingPage) Due() string {
	if p.Billing.Since.IsZero() {
		return ""
	}
	return longDay(p.Billing.Since.In(p.Location))
}

// billing shows the billing page.
func (s *Server) billing(w http.ResponseWriter, r *http.Request) error {
	return s.showBilling(w, r, http.StatusOK, nil)
}

// showBilling renders the billing page, in its own place or in that of a page that is refused. It reads the database, so that
// whoever has just paid sees it.
func (s *Server) showBilling(w http.ResponseWriter, r *http.Request, status int, refused *errs.Error) error {
	billing, location, err := s.Orgs.Billing(r.Context(), actorFrom(r.Context()).OrgID)
	if err != nil {
		return err
	}
	p := billingPage{Frame: s.frame(r, "Billing", "billing"), Billing: billing, Access: billing.Access(s.Now(), location), Refused: refused}
	p.Location, p.Banner = location, nil
	return s.render(w, r, status, "billing", p)
}

// billingAnswer is a standing as the API tells it. Times are nil where the standing has none.
type billingAnswer struct {
	Standing  org.Standing `json:"standing"`
	Read      bool         `json:"read"`
	Write     bool         `json:"write"`
	LastDay   *string      `json:"last_day"`
	TrialEnds *time.Time   `json:"trial_ends_at"`
	Since     *time.Time   `json:"past_due_since"`
	GraceDays *int         `json:"grace_days"`
}

func (s *Server) getBilling(w http.ResponseWriter, r *http.Request) error {
	billing, location, err := s.Orgs.Billing(r.Context(), actorFrom(r.Context()).OrgID)
	if err != nil {
		return err
	}
	access := billing.Access(s.Now(), location)
	a := billingAnswer{Standing: billing.Standing, Read: access.Read, Write: access.Write}
	if !access.LastDay.IsZero() {
		day := access.LastDay.Format(time.DateOnly)
		a.LastDay = &day
	}
	switch billing.Standing {
	case org.Trialing:
		a.TrialEnds = &billing.TrialEnds
	case org.PastDue:
		a.Since, a.GraceDays = &billing.Since, &billing.GraceDays
	}
	return writeJSON(w, http.StatusOK, a)
}
