package server

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"traitortrack/internal/authz"
)

// handler answers one request, or gives the error for which the door in errors.go answers.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one line of the table: what is asked, who may ask, and who answers.
type route struct {
	method, pattern string
	action          authz.Action
	handle          handler
}

// Two accesses beside the actions: public knows the session but needs none, and bare does not even look for one.
const (
	public authz.Action = "public"
	bare   authz.Action = "bare"
)

// routes is the whole table. HEAD is served wherever GET is.
func (s *Server) routes() []route {
	return []route{
		{"GET", "/static/*", bare, s.asset},
	}
}

// router puts the table behind the chain. The order matters: what is refused early costs least.
func (s *Server) router() http.Handler {
	mux := chi.NewRouter()
	mux.Use(s.identifyRequest, s.rescue, secure, s.refuseCrossSite, limitBody, compress())
	mux.NotFound(s.known(s.answer(public, notFound)))
	mux.MethodNotAllowed(s.known(s.answer(public, wrongMethod)))
	for _, rt := range s.routes() {
		h := s.answer(rt.action, rt.handle)
		if rt.action != bare {
			h = s.known(h)
		}
		mux.Method(rt.method, rt.pattern, h)
		if rt.method == http.MethodGet {
			mux.Method(http.MethodHead, rt.pattern, h)
		}
	}
	return mux
}

// answer lets in whom the action allows, calls the handler, and shows any error to the door.
func (s *Server) answer(action authz.Action, handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := admit(r.Context(), action)
		if err == nil {
			err = handle(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	}
}
