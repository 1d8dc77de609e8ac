package server

import "net/http"

// alive says that the process answers. It touches nothing.
func (s *Server) alive(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether the process can do its work, from what the prober last saw.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) error {
	health := s.Prober.Health()
	status := http.StatusOK
	if health.Status == Down {
		status = http.StatusServiceUnavailable
	}
	return writeJSON(w, status, health)
}

// partWays has each answer end its connection while the server is stopping. A balancer that has not heard of it yet would send
// the next request on a connection that is about to be closed, and could not tell whether it was taken.
func (s *Server) partWays(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Prober.Draining() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
