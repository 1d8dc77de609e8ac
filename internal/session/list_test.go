package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/session"
)

// visit makes a request with a cookie and gives the cookie that comes back, or the one that went in.
func visit(t *testing.T, s *session.Sessions, cookie *http.Cookie, do func(ctx context.Context)) *http.Cookie {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { do(r.Context()) })).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		cookie = c
	}
	return cookie
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestListAndEndOne(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	asha, other := pgtest.User(t, db, org, authz.Biller, ""), pgtest.User(t, db, org, authz.Biller, "")
	s := session.NewSessions(db, nil, time.Now)
	begin := func(userID int64, device string) *http.Cookie {
		return visit(t, s, nil, func(ctx context.Context) {
			must(t, s.Begin(ctx, session.Login{UserID: userID, Device: device, Address: "192.0.2.1"}))
		})
	}
	desk, phone := begin(asha.UserID, "Firefox on Linux"), begin(asha.UserID, "Chrome on Android")
	begin(other.UserID, "Safari on Mac")
	visit(t, s, nil, func(ctx context.Context) {
		must(t, s.BeginPending(ctx, session.Login{UserID: asha.UserID, Device: "half"}))
	})
	var ids = map[string]string{}
	visit(t, s, desk, func(ctx context.Context) {
		list, err := s.List(ctx, asha.UserID)
		must(t, err)
		for _, one := range list {
			ids[one.Device] = one.ID
			if one.Present != (one.Device == "Firefox on Linux") || one.Address != "192.0.2.1" || one.ID == desk.Value {
				t.Errorf("listed: %+v", one)
			}
		}
	})
	if len(ids) != 2 {
		t.Fatalf("listed: %v", ids)
	}
	for name, try := range map[string]struct {
		user int64
		id   string
	}{"another's": {other.UserID, ids["Chrome on Android"]}, "no id": {asha.UserID, "%"}, "unknown": {asha.UserID, "AAAA"}} {
		if err := s.EndOne(t.Context(), try.user, try.id); errs.As(err) == nil || errs.As(err).Code != "session_not_found" {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, s.EndOne(t.Context(), asha.UserID, ids["Chrome on Android"]))
	visit(t, s, phone, func(ctx context.Context) {
		if _, _, ok := s.UserID(ctx); ok {
			t.Error("a session that was ended goes on")
		}
	})
	_, err := db.Pool().Exec(t.Context(), `UPDATE "user" SET session_epoch = 1 WHERE id = $1`, asha.UserID)
	must(t, err)
	if list, err := s.List(t.Context(), asha.UserID); err != nil || len(list) != 0 {
		t.Errorf("after the epoch rose: %+v, %v", list, err)
	}
}

func TestAPendingSessionLetsNobodyIn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	asha := pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")
	now := time.Now()
	s := session.NewSessions(db, nil, func() time.Time { return now })
	half := visit(t, s, nil, func(ctx context.Context) { must(t, s.BeginPending(ctx, session.Login{UserID: asha.UserID, Epoch: 4})) })
	visit(t, s, half, func(ctx context.Context) {
		if _, _, in := s.UserID(ctx); in {
			t.Error("half a login is a login")
		}
		if id, epoch, ok := s.Pending(ctx); !ok || id != asha.UserID || epoch != 4 {
			t.Errorf("pending: %d, %d, %v", id, epoch, ok)
		}
	})
	whole := visit(t, s, half, func(ctx context.Context) { must(t, s.Begin(ctx, session.Login{UserID: asha.UserID, Epoch: 4})) })
	if whole.Value == half.Value {
		t.Error("the token stays the same")
	}
	visit(t, s, whole, func(ctx context.Context) {
		if _, _, pending := s.Pending(ctx); pending {
			t.Error("still pending after the second factor")
		}
	})
	visit(t, s, half, func(ctx context.Context) {
		if _, _, pending := s.Pending(ctx); pending {
			t.Error("the half login can be used again")
		}
	})
	half = visit(t, s, nil, func(ctx context.Context) { must(t, s.BeginPending(ctx, session.Login{UserID: asha.UserID, Epoch: 4})) })
	now = now.Add(5*time.Minute + time.Second)
	visit(t, s, half, func(ctx context.Context) {
		if _, _, pending := s.Pending(ctx); pending {
			t.Error("a half login lasts longer than five minutes")
		}
	})
}
