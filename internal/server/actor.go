package server

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"traitortrack/internal/errs"
	"traitortrack/internal/obs"
)

// known looks at the session of each request, and finds out who asks.
func (s *Server) known(next http.Handler) http.Handler {
	return s.Sessions.Middleware(s.recognise(next))
}

// watched is known for what a page asks by itself, such as live events: it keeps no session alive.
func (s *Server) watched(next http.Handler) http.Handler {
	return s.Sessions.Passive(s.recognise(next))
}

func (s *Server) recognise(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := meant(r, s.identify(r.Context()))
		if who.actor != nil {
			obs.Note(r.Context(), slog.String("user", who.actor.Username), slog.Int64("organization", who.actor.OrgID))
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey, who)))
	})
}

// identify gives who a session belongs to as they are now. While that cannot be found out, nobody is told that they are
// not logged in.
func (s *Server) identify(ctx context.Context) identity {
	if err := s.Sessions.Err(ctx); err != nil {
		return identity{err: err}
	}
	userID, epoch, ok := s.Sessions.UserID(ctx)
	if !ok {
		return identity{}
	}
	actor, err := s.Accounts.Actor(ctx, userID, epoch)
	if refused := errs.As(err); refused != nil && refused.Kind == errs.Unauthenticated {
		return identity{}
	}
	if err != nil {
		return identity{err: err}
	}
	from := caller(ctx)
	actor.Address, actor.Device, actor.Request = from.Address, from.Device, from.Request
	return identity{actor: &actor}
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
