package server

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/obs"
)

// known looks at the session or the token of each request, and finds out who asks.
func (s *Server) known(next http.Handler) http.Handler {
	return withoutCookies(s.Sessions.Middleware(s.recognise(s.fresh(next))))
}

// watched is known for what a page asks by itself, such as live events: it keeps no session alive.
func (s *Server) watched(next http.Handler) http.Handler {
	return withoutCookies(s.Sessions.Passive(s.recognise(s.fresh(next))))
}

// withoutCookies drops the cookies of a request that comes with a token: where both are sent, the token decides.
func withoutCookies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := bearer(r); ok && r.Header.Get("Cookie") != "" {
			r = r.Clone(r.Context())
			r.Header.Del("Cookie")
		}
		next.ServeHTTP(w, r)
	})
}

// bearer gives the API token that a request comes with, and false where it brings none.
func bearer(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

func (s *Server) recognise(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := meant(r, s.identify(r))
		if who.actor != nil {
			obs.Note(r.Context(), slog.Int64("user_id", who.actor.UserID), slog.Int64("organization", who.actor.OrgID))
			if who.actor.TokenID != 0 {
				obs.Note(r.Context(), slog.Int64("token", who.actor.TokenID))
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey, who)))
	})
}

// identify gives who a session or a token belongs to as they are now. While that cannot be found out, nobody is told that
// they are not logged in.
func (s *Server) identify(r *http.Request) identity {
	actor, err := s.whose(r)
	_, byToken := bearer(r)
	if refused := errs.As(err); refused != nil && refused.Kind == errs.Unauthenticated && !byToken {
		return identity{}
	}
	if err != nil {
		return identity{err: err}
	}
	from := caller(r.Context())
	actor.Address, actor.Device, actor.Request = from.Address, from.Device, from.Request
	return identity{actor: &actor}
}

// whose finds the user of a request's token, or else of its session.
func (s *Server) whose(r *http.Request) (authz.Actor, error) {
	ctx := r.Context()
	if token, ok := bearer(r); ok {
		return s.Accounts.ActorByToken(ctx, token, r.Method == http.MethodGet || r.Method == http.MethodHead)
	}
	if err := s.Sessions.Err(ctx); err != nil {
		return authz.Actor{}, err
	}
	userID, epoch, ok := s.Sessions.UserID(ctx)
	if !ok {
		return authz.Actor{}, errUnauthenticated()
	}
	actor, err := s.Accounts.Actor(ctx, userID, epoch)
	if err != nil {
		return actor, err
	}
	if role, known := s.Sessions.Role(ctx); known && role != actor.Role {
		return actor, s.Sessions.Renew(ctx, actor.Role)
	}
	return actor, nil
}

// userHeader names the user that a scanning page was opened for. Its queue outlives a login: what one person scanned is
// never taken as another's, who has logged in with the same browser since.
const userHeader = "X-Traitortrack-User"

// meant is who asks, unless the request says that it is somebody else's.
func meant(r *http.Request, who identity) identity {
	named := r.Header.Get(userHeader)
	if named == "" || who.actor == nil || named == strconv.FormatInt(who.actor.UserID, 10) {
		return who
	}
	return identity{err: errs.New(errs.Unauthenticated, "other_user", "Somebody else has logged in with this browser. Open the page again to go on as them.")}
}

// location gives the time zone of the asker's organization. Where it cannot be known, times are told in UTC.
func (s *Server) location(r *http.Request) *time.Location {
	who := somebody(r.Context())
	if who == nil {
		return time.UTC
	}
	organization, err := s.Orgs.Get(r.Context(), who.OrgID)
	if err != nil {
		return time.UTC
	}
	return organization.Location
}
