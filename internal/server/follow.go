package server

import (
	"net/http"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
)

// events sends what a live page shows whenever it has changed, until the watcher goes, may no longer see it, or the server ends.
func (s *Server) events(l *live, action authz.Action) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", "text/event-stream")
			return nil
		}
		orgID, st := actorFrom(r.Context()).OrgID, newStream(w, r, s.Now)
		if st.write(retryLine()) != nil {
			return nil // the watcher went away
		}
		l.join(orgID)
		defer l.leave(orgID)
		_, _ = l.get(r.Context(), orgID) // what cannot be read now comes with the next change
		s.follow(r, st, l, action)
		st.finish()
		return nil
	}
}

// follow keeps a stream going.
func (s *Server) follow(r *http.Request, st *stream, l *live, action authz.Action) {
	beat := time.NewTicker(l.heartbeat)
	defer beat.Stop()
	for {
		latest, changed := l.latest(actorFrom(r.Context()).OrgID)
		if st.show(latest) != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-l.over:
			return
		case <-changed:
			if !s.maySee(r, action) { // nothing new is shown to who has been shut out since
				return
			}
		case <-beat.C:
			if !s.stillIn(r) || !s.maySee(r, action) || st.write([]byte(": still here\n\n")) != nil {
				return
			}
		}
	}
}

// stillIn reports whether a watcher's session goes on. That is a read, and all watchers hear of a change at once: it is asked at each
// watcher's own signs of life. While it cannot be found out, the watcher stays.
func (s *Server) stillIn(r *http.Request) bool {
	if _, byToken := bearer(r); byToken {
		return true
	}
	there, err := s.Sessions.Alive(r.Context())
	return err != nil || there
}

// maySee reports whether a watcher still is who it was, and may see what it sees, by what the instance knows of its user. While that
// cannot be found out, it stays.
func (s *Server) maySee(r *http.Request, action authz.Action) bool {
	now := s.identify(r)
	if refused := errs.As(now.err); refused != nil && refused.Kind == errs.Unauthenticated {
		return false
	}
	return now.err != nil || now.actor != nil && now.actor.OrgID == actorFrom(r.Context()).OrgID && now.actor.Owes == "" && now.actor.Can(action)
}
