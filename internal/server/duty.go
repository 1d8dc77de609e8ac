package server

import (
	"net/http"
	"slices"
	"strings"

	"traitortrack/internal/authz"
)

// Where each duty is done.
const (
	ownPasswordPath = "/account/password"
	factorPath      = "/account/2fa"
)

// settled lets in who owes nothing, and leads everybody else to where they do what they owe.
func (s *Server) settled(rt route, next http.Handler) http.Handler {
	if rt.action == public || doesDuty(rt.pattern) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := somebody(r.Context())
		if who == nil || who.Owes == "" {
			next.ServeHTTP(w, r)
			return
		}
		if wantsProblem(r) {
			s.fail(w, r, who.Settled())
			return
		}
		lead(w, r, http.StatusForbidden, dutyPath(who.Owes))
	})
}

// doesDuty reports whether a route is one by which a duty is done, or by which somebody leaves.
func doesDuty(pattern string) bool {
	own := strings.TrimPrefix(pattern, "/api")
	return slices.Contains([]string{ownPasswordPath, factorPath, "/logout"}, own) || strings.HasPrefix(own, factorPath+"/")
}

func dutyPath(owes authz.Duty) string {
	if owes == authz.ChangePassword {
		return ownPasswordPath
	}
	return factorPath
}

// banner is the message above a page: a duty first, then the bill, then nothing.
func banner(r *http.Request) *Banner {
	if who := somebody(r.Context()); who != nil {
		switch who.Owes {
		case authz.ChangePassword:
			return &Banner{Kind: "duplicate", Text: "An admin has asked you to choose a new password. Do it here; until then nothing else opens."}
		case authz.EnrolTOTP:
			return &Banner{Kind: "duplicate", Text: "Admins of this warehouse need two-factor login. Set it up here; until then nothing else opens."}
		}
	}
	return billingBanner(r)
}
