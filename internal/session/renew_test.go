package session_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/session"
)

// TestRenew gives a session a new token: the old one is worth nothing, and the session is otherwise the same.
func TestRenew(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	asha := pgtest.User(t, db, pgtest.Org(t, db), authz.Dispatcher, "")
	redis, err := redisdb.Open(pgtest.Redis(t))
	must(t, err)
	t.Cleanup(func() { _ = redis.Close() })
	s := session.NewSessions(db, redis, time.Now)
	old := visit(t, s, nil, func(ctx context.Context) {
		must(t, s.Begin(ctx, session.Login{UserID: asha.UserID, Role: authz.Dispatcher, Device: "Firefox on Linux"}))
	})
	ends := func() (int, time.Time) {
		var sessions int
		var until time.Time
		must(t, db.Pool().QueryRow(t.Context(), `SELECT count(*), min(expires_at) FROM session`).Scan(&sessions, &until))
		return sessions, until
	}
	_, until := ends()
	var renewed *http.Cookie
	sent := visit(t, s, old, func(second context.Context) {
		renewed = visit(t, s, old, func(first context.Context) { must(t, s.Renew(first, authz.Biller)) })
		must(t, s.Renew(second, authz.Biller)) // it came at the same time, and is answered as well
	})
	if renewed.Value == old.Value || renewed.MaxAge > 12*60*60 || renewed.MaxAge < 12*60*60-60 || sent.Value != old.Value {
		t.Errorf("the cookies are %v and %v", renewed, sent)
	}
	if n, then := ends(); n != 1 || !then.Equal(until) {
		t.Errorf("%d sessions, until %s and not %s", n, then, until)
	}
	visit(t, s, old, func(ctx context.Context) {
		if _, _, in := s.UserID(ctx); in {
			t.Error("the old token goes on")
		}
	})
	visit(t, s, renewed, func(ctx context.Context) {
		id, epoch, in := s.UserID(ctx)
		role, known := s.Role(ctx)
		if !in || id != asha.UserID || epoch != 0 || !known || role != authz.Biller {
			t.Errorf("the session is of %d, epoch %d, %v, as %s", id, epoch, in, role)
		}
		list, err := s.List(ctx, asha.UserID)
		if err != nil || len(list) != 1 || !list[0].Present || list[0].Device != "Firefox on Linux" {
			t.Errorf("listed: %+v, %v", list, err)
		}
	})
}
