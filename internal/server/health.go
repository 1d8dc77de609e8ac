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
