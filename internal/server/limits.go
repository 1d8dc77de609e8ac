package server

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/errs"
	"traitortrack/internal/ratelimit"
)

// limit counts each request: of somebody who is logged in under their own name, of a stranger under their address. The
// answers of a login tell of its own limit, which counts failures only.
func (s *Server) limit(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		class, key := ratelimit.Default, ratelimit.Network(addressOf(r.Context()))
		if who := somebody(r.Context()); who != nil {
			class, key = ratelimit.API, strconv.FormatInt(who.UserID, 10)
		}
		if err := s.take(w, r, class, key); err != nil {
			s.fail(w, r, err)
			return
		}
		s.tellLoginLimit(w, r, pattern)
		next.ServeHTTP(w, r)
	})
}

// tellLoginLimit tells how an address stands with the limit of logins, where it asks for one.
func (s *Server) tellLoginLimit(w http.ResponseWriter, r *http.Request, path string) {
	if path == "/login" || path == "/api/login" {
		showLimit(w, s.standing(r, s.Limits.Check, ratelimit.LoginAddress, ratelimit.Network(addressOf(r.Context()))))
	}
}

// take counts one, tells the client how they stand, and refuses one too many.
func (s *Server) take(w http.ResponseWriter, r *http.Request, class ratelimit.Class, key string) error {
	return refuseMore(w, s.standing(r, s.Limits.Take, class, key))
}

// standing asks the limits, unless the caller's address is exempt.
func (s *Server) standing(r *http.Request, ask func(context.Context, ratelimit.Class, string) ratelimit.Standing, class ratelimit.Class, key string) ratelimit.Standing {
	if s.Limits.Exempt(addressOf(r.Context())) {
		return s.Limits.Untouched(class)
	}
	return ask(r.Context(), class, key)
}

// loginStanding asks about the address and the name that a login comes with, and gives the one with less room.
func (s *Server) loginStanding(r *http.Request, username string, ask func(context.Context, ratelimit.Class, string) ratelimit.Standing) ratelimit.Standing {
	address := s.standing(r, ask, ratelimit.LoginAddress, ratelimit.Network(addressOf(r.Context())))
	name := s.standing(r, ask, ratelimit.LoginName, account.Fold(username))
	if name.Remaining < address.Remaining || name.Retry > address.Retry {
		return name
	}
	return address
}

// mayTry refuses a login from an address or under a name that has failed too often.
func (s *Server) mayTry(w http.ResponseWriter, r *http.Request, username string) error {
	return refuseMore(w, s.loginStanding(r, username, s.Limits.Check))
}

// tried notes how a login went, and gives its error. Only failures count, so that a whole shift can log in behind one
// address. One whose password was right is held back as well once the failures beside it are too many, and so is the
// question for a code: nobody tries a hundred passwords at the same moment and reads off which was right.
func (s *Server) tried(w http.ResponseWriter, r *http.Request, username string, err error) error {
	if !isWrong(err) {
		refused := errs.As(err)
		right := err == nil || refused != nil && refused.Code == "totp_required"
		if over := s.mayTry(w, r, username); over != nil && right {
			return over
		}
		return err
	}
	if over := refuseMore(w, s.loginStanding(r, username, s.Limits.Strike)); over != nil {
		return over
	}
	return err
}

// isWrong reports whether a login failed for what was typed.
func isWrong(err error) bool {
	refused := errs.As(err)
	return refused != nil && (refused.Code == "invalid_credentials" || refused.Code == "invalid_totp" || refused.Code == "account_locked")
}

// refuseMore tells the client how they stand, and refuses one too many.
func refuseMore(w http.ResponseWriter, st ratelimit.Standing) error {
	showLimit(w, st)
	if !st.Limited {
		return nil
	}
	seconds := max(1, int(math.Ceil(st.Retry.Seconds())))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return errs.New(errs.RateLimited, "rate_limited", "That was too often. Wait %s, then try again.", inWords(time.Duration(seconds)*time.Second))
}

// showLimit puts a standing into the headers. The reset is in seconds since 1970.
func showLimit(w http.ResponseWriter, st ratelimit.Standing) {
	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(st.Limit))
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(st.Remaining))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(st.Reset.Unix(), 10))
}

// inWords writes a time to wait for people: "1 minute", "40 seconds".
func inWords(d time.Duration) string {
	count, unit := int(d.Seconds()), "second"
	if d >= 2*time.Minute {
		count, unit = int(math.Ceil(d.Minutes())), "minute"
	}
	if count != 1 {
		unit += "s"
	}
	return strings.Join([]string{strconv.Itoa(count), unit}, " ")
}
