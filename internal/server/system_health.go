package server

import (
	"net/http"
	"slices"

	"traitortrack/internal/health"
)

// healthPage is how each part of the system is, and what to do next.
type healthPage struct {
	Frame
	health.Report
}

func (s *Server) healthPage(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "health", healthPage{Frame: s.frame(r, "Health", "health"), Report: s.System.Report()})
}

func (s *Server) systemHealth(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, s.System.Report())
}

// Parts gives the parts, those first that are not well.
func (p healthPage) Parts() []health.Named {
	rank := map[health.Status]int{health.Unhealthy: -2, health.Degraded: -1}
	parts := p.Components.All()
	slices.SortStableFunc(parts, func(a, b health.Named) int { return rank[a.Status] - rank[b.Status] })
	return parts
}
