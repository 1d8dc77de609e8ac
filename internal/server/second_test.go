package server_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// enrolled gives the biller two-factor login, on an instance that has a key. It gives the recovery codes, and the code that
// is used up since it turned two-factor login on.
func enrolled(t *testing.T, w *warehouse) ([]string, string) {
	t.Helper()
	keys, err := account.NewKeyring(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	store := account.NewStore(w.db, time.Now)
	store.Keys = keys
	w.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) { d.Accounts.Keys = keys })
	user, err := store.Login(t.Context(), authz.Actor{}, "biller"+w.name(), password)
	if err != nil {
		t.Fatal(err)
	}
	actor := authz.Actor{UserID: user.ID, OrgID: user.OrgID, Username: user.Username, Role: user.Role}
	begun, err := store.BeginEnrolment(t.Context(), actor)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.ReplaceAll(begun.Secret, " ", "")
	used, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	recovery, _, err := store.Enrol(t.Context(), actor, used)
	if err != nil {
		t.Fatal(err)
	}
	return recovery, used
}

// TestASecondStepFollowsThePassword goes through the pages of a two-factor login: the password alone opens nothing, nor
// does a code that was used, and a recovery code lets in once.
func TestASecondStepFollowsThePassword(t *testing.T) {
	t.Parallel()
	w := build(t)
	recovery, used := enrolled(t, w)
	form := func(c *client, path string, values url.Values) answer {
		return c.send("POST", path, values.Encode(), "application/x-www-form-urlencoded", "text/html")
	}
	passed := func(c *client) {
		t.Helper()
		a := form(c, "/login", url.Values{"username": {"biller" + w.name()}, "password": {password}, "next": {"/bills?status=new"}})
		if to := a.header.Get("Location"); a.status != 303 || to != "/login/2fa?next=%2Fbills%3Fstatus%3Dnew" {
			t.Fatalf("the password: %v to %q", a, to)
		}
	}
	step := func(c *client, code string) answer {
		return form(c, "/login/2fa", url.Values{"code": {code}, "next": {"/bills?status=new"}})
	}
	c := w.stranger(t)
	if a := c.page("/login/2fa?next=%2Fbills"); a.header.Get("Location") != "/login?next=%2Fbills" {
		t.Errorf("a second step without a first: %v to %q", a, a.header.Get("Location"))
	}
	if a := step(c, recovery[0]); a.header.Get("Location") != "/login?next=%2Fbills%3Fstatus%3Dnew" {
		t.Errorf("a code without a password: %v to %q", a, a.header.Get("Location"))
	}
	passed(c)
	c.want(c.call("GET", "/api/bags", nil), 401, "unauthenticated")
	if a := c.page("/login/2fa"); a.status != 200 || !strings.Contains(a.raw, "authenticator app") {
		t.Errorf("the page of the second step: %v", a)
	}
	for _, wrong := range []string{used, ""} {
		if a := step(c, wrong); a.status != 401 || !strings.Contains(a.raw, `id="refused"`) {
			t.Errorf("code %q: %v", wrong, a)
		}
		c.want(c.call("GET", "/api/bags", nil), 401, "unauthenticated")
	}
	if a := step(c, recovery[0]); a.status != 303 || a.header.Get("Location") != "/bills?status=new" {
		t.Errorf("a recovery code: %v to %q", a, a.header.Get("Location"))
	}
	c.want(c.call("GET", "/api/bags", nil), 200, "")

	again := w.stranger(t)
	passed(again)
	if a := step(again, recovery[0]); a.status != 401 {
		t.Errorf("the same recovery code again: %v", a)
	}
}

// TestAWaitingLoginEndsWithTheSessions proves that a password which was shown before all sessions were ended is worth
// nothing afterwards.
func TestAWaitingLoginEndsWithTheSessions(t *testing.T) {
	t.Parallel()
	w := build(t)
	recovery, _ := enrolled(t, w)
	c := w.stranger(t)
	form := url.Values{"username": {"biller" + w.name()}, "password": {password}}.Encode()
	c.send("POST", "/login", form, "application/x-www-form-urlencoded", "text/html")
	if _, err := w.db.Pool().Exec(t.Context(), `UPDATE "user" SET session_epoch = session_epoch + 1 WHERE username = $1`, "biller"+w.name()); err != nil {
		t.Fatal(err)
	}
	a := c.send("POST", "/login/2fa", url.Values{"code": {recovery[0]}}.Encode(), "application/x-www-form-urlencoded", "text/html")
	if a.status != 303 || a.header.Get("Location") != "/login" {
		t.Errorf("a waiting login after all sessions were ended: %v to %q", a, a.header.Get("Location"))
	}
	c.want(c.call("GET", "/api/bags", nil), 401, "unauthenticated")
}
