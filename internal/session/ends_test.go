package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/session"
)

// TestSessionsEndByThemselves leaves sessions alone for different times. One that is used within the hour lives for twelve hours; one
// that was not is over for good, however often it is asked for; and looking on is no use.
func TestSessionsEndByThemselves(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	asha := pgtest.User(t, db, pgtest.Org(t, db), authz.Dispatcher, "")
	now := time.Now()
	s := session.NewSessions(db, nil, func() time.Time { return now })
	begin := func() *http.Cookie {
		return visit(t, s, nil, func(ctx context.Context) { must(t, s.Begin(ctx, session.Login{UserID: asha.UserID})) })
	}
	want := func(what string, cookie *http.Cookie, middleware func(http.Handler) http.Handler, want bool) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(cookie)
		middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, _, in := s.UserID(r.Context()); in != want {
				t.Errorf("%s: in is %v", what, in)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
	used, left, watched := begin(), begin(), begin()
	began := now
	for _, minutes := range []int{30, 59} {
		now = began.Add(time.Duration(minutes) * time.Minute)
		want("looked on", watched, s.Passive, true)
	}
	want("used after 59 minutes", used, s.Middleware, true)
	now = began.Add(time.Hour)
	want("used meanwhile", used, s.Middleware, true)
	for range 2 {
		want("left alone for an hour", left, s.Middleware, false)
		want("looked on for an hour", watched, s.Middleware, false)
	}
	for now.Before(began.Add(12*time.Hour - 30*time.Minute)) {
		now = now.Add(30 * time.Minute)
		want("used every half hour", used, s.Middleware, true)
	}
	now = began.Add(12 * time.Hour)
	want("twelve hours old", used, s.Middleware, false)
}
