package server

import (
	"net/http"
	"time"

	"traitortrack/internal/pg"
)

// wroteCookie is there for a moment after somebody has written: they read from the primary meanwhile, and so see their own
// write at once, on every instance. It says nothing, and nobody is let in or kept out by it.
const wroteCookie = "traitortrack_wrote"

// fresh sees to it that nobody misses their own write where a replica is read. Clients with a token keep no cookies, and
// read from the primary always.
func (s *Server) fresh(next http.Handler) http.Handler {
	if pool, _ := s.DB.Replica(); pool == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := somebody(r.Context())
		if who == nil {
			next.ServeHTTP(w, r)
			return
		}
		writes := r.Method != http.MethodGet && r.Method != http.MethodHead
		if writes && who.TokenID == 0 {
			http.SetCookie(w, &http.Cookie{Name: wroteCookie, Value: "1", Path: "/", MaxAge: int(pg.FreshFor / time.Second), HttpOnly: true, //nolint:gosec // Secure wherever people come over TLS
				SameSite: http.SameSiteLaxMode, Secure: s.Sessions.Secure || r.TLS != nil})
		}
		if _, err := r.Cookie(wroteCookie); writes || who.TokenID != 0 || err == nil {
			r = r.WithContext(pg.Fresh(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}
