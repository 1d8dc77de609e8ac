package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pool"
)

// backendPage asks whether a backend is to be stopped, and shows what it does.
type backendPage struct {
	Frame
	Of pool.Backend
}

func (s *Server) backendPage(w http.ResponseWriter, r *http.Request) error {
	pid, began, err := backendOf(r, r.URL.Query())
	if err != nil {
		return err
	}
	found, err := s.Backends.Find(r.Context(), actorFrom(r.Context()), pid, began)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "backend", backendPage{Frame: s.frame(r, "Stop a backend", "pool"), Of: found})
}

func (s *Server) cancelBackend(w http.ResponseWriter, r *http.Request) error {
	return s.stopBackend(w, r, "canceled", s.Backends.Cancel)
}

func (s *Server) endBackend(w http.ResponseWriter, r *http.Request) error {
	return s.stopBackend(w, r, "ended", s.Backends.End)
}

func (s *Server) stopBackend(w http.ResponseWriter, r *http.Request, done string, stop func(context.Context, authz.Actor, int32, time.Time) error) error {
	pid, began, err := backendOf(r, r.PostForm)
	if err != nil {
		return err
	}
	if err := stop(r.Context(), actorFrom(r.Context()), pid, began); err != nil {
		return err
	}
	return seeOther(w, r, "/pool_dashboard?done="+done)
}

// backendOf reads which backend is meant: its process, and when that began.
func backendOf(r *http.Request, values url.Values) (int32, time.Time, error) {
	pid, err := strconv.ParseInt(chi.URLParam(r, "pid"), 10, 32)
	if err != nil {
		return 0, time.Time{}, errs.New(errs.NotFound, "backend_gone", "There is no such backend.")
	}
	began, err := time.Parse(time.RFC3339Nano, values.Get("began"))
	if err != nil {
		return 0, time.Time{}, errs.Field("began", "invalid_backend", "Say when the backend began, as the pool dashboard does.")
	}
	return int32(pid), began, nil
}
