package server

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/obs"
	"traitortrack/internal/org"
)

// gateClass is what the billing gate asks about a route.
type gateClass int

// The classes.
const (
	ungated gateClass = iota
	reading
	writing
)

// gateClassOf finds a route's class: by its method, unless it is for people who have to get in, out, or to the bill.
func gateClassOf(rt route) gateClass {
	switch {
	case rt.action == public, rt.action == bare, neverGated(rt.pattern):
		return ungated
	case rt.method == http.MethodGet, rt.method == http.MethodHead, strings.HasPrefix(strings.TrimPrefix(rt.pattern, "/api"), "/notifications"):
		return reading // that somebody has read a notice changes nothing in the warehouse
	default:
		return writing
	}
}

// neverGated names what people may do however their organization stands, beside the pages for everybody: log out, look
// after their own password, sessions and second factor, take their own data with them, and see the bill.
func neverGated(pattern string) bool {
	if slices.Contains([]string{"/", "/account", "/api/account", "/billing", "/api/billing", "/api/logout"}, pattern) {
		return true
	}
	own := strings.TrimPrefix(pattern, "/api")
	return slices.ContainsFunc([]string{"/login", "/account/password", "/account/sessions", "/account/2fa", "/account/export", "/webhooks"},
		func(open string) bool { return own == open || strings.HasPrefix(own, open+"/") })
}

// gate lets a request pass as far as its organization's standing allows. It comes before every rule of the warehouse, so
// that a refused scan has looked at nothing.
func (s *Server) gate(class gateClass, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := somebody(r.Context())
		if who == nil {
			next.ServeHTTP(w, r)
			return
		}
		access, state := s.Gate.Ask(r.Context(), who.OrgID)
		obs.Note(r.Context(), slog.String("billing_gate_cache_state", string(state)))
		r = r.WithContext(context.WithValue(r.Context(), accessKey, access))
		if class != ungated {
			if err := access.Refuse(class == writing); err != nil {
				s.refuseByGate(w, r, *who, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// refuseByGate shows an admin the billing page in place of the one that was asked for, and tells anyone else whom to ask.
// It never sends anybody elsewhere: a page that is refused as well would send them back.
func (s *Server) refuseByGate(w http.ResponseWriter, r *http.Request, who authz.Actor, err error) {
	refusal := errs.As(err)
	if refusal.Kind == errs.Unavailable {
		s.fail(w, r, err)
		return
	}
	if who.Role == authz.Admin && !wantsProblem(r) {
		if err := s.showBilling(w, r, statusOf(refusal.Kind), refusal); err != nil {
			s.fail(w, r, err)
		}
		return
	}
	told := *refusal
	told.Message += " " + s.whomToAsk(r.Context(), who)
	s.fail(w, r, &told)
}

// whomToAsk names the admins, for somebody who is none.
func (s *Server) whomToAsk(ctx context.Context, who authz.Actor) string {
	if who.Role == authz.Admin {
		return "The page /billing tells how it stands."
	}
	admins, err := s.Orgs.Admins(ctx, who.OrgID)
	if err != nil || len(admins) == 0 {
		return "Ask your admin."
	}
	return "Ask your admin: " + strings.Join(admins, " or ") + "."
}

// accessOf gives what the gate said, and false where nobody was asked.
func accessOf(ctx context.Context) (org.Access, bool) {
	access, ok := ctx.Value(accessKey).(org.Access)
	return access, ok
}

// billingBanner is what everybody sees above each page while a bill is overdue, or nil. The last day is named in words, since
// a date can be read wrongly in a hurry.
func billingBanner(r *http.Request) *Banner {
	access, ok := accessOf(r.Context())
	who := somebody(r.Context())
	if !ok || who == nil || r.URL.Path == "/billing" {
		return nil
	}
	b := &Banner{Kind: "duplicate"}
	switch {
	case access.Standing == org.PastDue && access.Write:
		b.Text = "Your organization's bill is overdue. Scanning goes on until the end of " + longDay(access.LastDay) + "; pay by then."
	case access.Read && !access.Write && access.Standing != "":
		b.Kind, b.Text = "refused", "Nothing can be scanned or changed until your organization's bill is paid. Everything can still be read."
	default:
		return nil
	}
	if who.Role == authz.Admin {
		b.Action, b.Href = "See the bill", "/billing"
	}
	return b
}

func longDay(t time.Time) string { return t.Format("Monday, 2 January 2006") }
