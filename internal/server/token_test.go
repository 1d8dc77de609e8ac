package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/org"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// hands are a clock that a test sets.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hands) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// clocked gives what an instance is to be changed to: accounts go by a clock that the test sets, and have a key.
func clocked(t *testing.T, h *hands, require bool) func(*server.Deps, *redisdb.DB) {
	t.Helper()
	keys, err := account.NewKeyring(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	return func(d *server.Deps, _ *redisdb.DB) {
		d.Accounts = account.NewStore(d.DB, h.now)
		d.Accounts.Keys, d.Accounts.RequireAdmin2FA = keys, require
	}
}

// bearing is a client that sends a token with every request, and the cookies of the one it is made from.
func (c *client) bearing(token string) *client {
	with := *c.http
	with.Transport = authorized{"Bearer " + token}
	return &client{t: c.t, url: c.url, http: &with}
}

// authorized adds a header to each request.
type authorized struct{ value string }

// RoundTrip sends one request.
func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", a.value)
	return http.DefaultTransport.RoundTrip(r)
}

// token makes a token of whoever the client is, and gives its secret and its id.
func (c *client) token(scopes ...string) (string, string) {
	c.t.Helper()
	a := c.call("POST", "/api/account/tokens", map[string]any{"name": "a test", "scopes": scopes, "days": 30})
	if a.status != http.StatusCreated {
		c.t.Fatalf("a token for %v: %v", scopes, a)
	}
	return a.text("token"), fmt.Sprint(int64(a.body["id"].(float64)))
}

// exec runs a statement on the warehouse's database.
func (w *warehouse) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// TestATokenActsWithinItsScopes asks with tokens of each scope, and none at all.
func TestATokenActsWithinItsScopes(t *testing.T) {
	t.Parallel()
	w := start(t)
	admin, dispatcher, nobody := w.as(t, authz.Admin), w.as(t, authz.Dispatcher), w.stranger(t)
	read, _ := admin.token("read")
	scan, _ := admin.token("scan")
	office, _ := admin.token("admin")
	theirs, _ := dispatcher.token("read", "scan")
	parent := map[string]any{"code": "SB00001"}
	for _, tc := range []struct {
		name, token, method, path string
		body                      any
		status                    int
		code                      string
	}{
		{"read looks up", read, "GET", "/api/bags", nil, 200, ""},
		{"read looks up bills", read, "GET", "/api/bills", nil, 200, ""},
		{"read scans nothing", read, "POST", "/api/scans", parent, 403, "forbidden"},
		{"read is no admin", read, "GET", "/api/settings", nil, 403, "forbidden"},
		{"scan scans", scan, "POST", "/api/scans", parent, 200, ""},
		{"scan sees no bill", scan, "GET", "/api/bills", nil, 403, "forbidden"},
		{"admin sees settings", office, "GET", "/api/settings", nil, 200, ""},
		{"admin alone scans nothing", office, "POST", "/api/scans", parent, 403, "forbidden"},
		{"a dispatcher's is a dispatcher's", theirs, "GET", "/api/bills", nil, 403, "forbidden"},
		{"no token", "", "GET", "/api/bags", nil, 401, "unauthenticated"},
		{"no token of ours", "tt_" + strings.Repeat("A", 52), "GET", "/api/bags", nil, 401, "unauthenticated"},
		{"a session's token is none", strings.Repeat("A", 43), "GET", "/api/bags", nil, 401, "unauthenticated"},
		{"a token's end is cut off", read[:len(read)-1], "GET", "/api/bags", nil, 401, "unauthenticated"},
		{"a token in another case", strings.ToLower(read), "GET", "/api/bags", nil, 401, "unauthenticated"},
	} {
		for who, c := range map[string]*client{"alone": nobody, "with the cookie of an admin": admin} {
			a := c.bearing(tc.token).call(tc.method, tc.path, tc.body)
			if a.status != tc.status || tc.status != 200 && a.text("code") != tc.code {
				t.Errorf("%s, %s: %v, want %d %s", tc.name, who, a, tc.status, tc.code)
			}
			if (a.status == 401) != (a.header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("%s, %s: %d with WWW-Authenticate %q", tc.name, who, a.status, a.header.Get("WWW-Authenticate"))
			}
			if a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s, %s: a cookie is set", tc.name, who)
			}
		}
	}
	if a := nobody.bearing(read).page("/bags"); a.status != 200 {
		t.Errorf("a page with a token: %v", a)
	}
	if a := nobody.bearing("tt_no").page("/bags"); a.status != 401 || !strings.Contains(a.header.Get("Content-Type"), "problem+json") {
		t.Errorf("a page with a bad token: %v", a)
	}
	admin.bearing(read).form("/logout", nil) // the token decides, so that the session beside it
	admin.want(admin.call("GET", "/api/account", nil), 200, "")
}

// TestNoTokenDoesWhatIsPersonal takes a token of all scopes to everything under the account.
func TestNoTokenDoesWhatIsPersonal(t *testing.T) {
	t.Parallel()
	w := start(t)
	admin := w.as(t, authz.Admin)
	all, id := admin.token("read", "scan", "bill", "admin")
	for _, call := range []struct{ method, path string }{
		{"GET", "/account"}, {"GET", "/account/password"}, {"POST", "/account/password"}, {"POST", "/account/sessions/end"},
		{"POST", "/account/sessions/x/end"}, {"GET", "/account/2fa"}, {"POST", "/account/2fa"}, {"POST", "/account/2fa/confirm"},
		{"POST", "/account/2fa/recovery"}, {"POST", "/account/2fa/off"}, {"POST", "/account/tokens"}, {"POST", "/account/tokens/" + id + "/revoke"},
		{"GET", "/api/account"}, {"POST", "/api/account/password"}, {"GET", "/api/account/sessions"}, {"DELETE", "/api/account/sessions"},
		{"DELETE", "/api/account/sessions/x"}, {"POST", "/api/account/2fa"}, {"POST", "/api/account/2fa/confirm"},
		{"POST", "/api/account/2fa/recovery"}, {"POST", "/api/account/2fa/off"}, {"POST", "/api/account/2fa/replace"}, {"POST", "/account/2fa/replace"}, {"GET", "/api/account/tokens"},
		{"POST", "/api/account/tokens"}, {"DELETE", "/api/account/tokens/" + id}, {"POST", "/api/logout"},
	} {
		c := admin.bearing(all)
		c.want(c.call(call.method, call.path, map[string]any{"password": password, "code": "123456"}), 403, "forbidden")
	}
	if a := admin.call("GET", "/api/account/tokens", nil); !strings.Contains(a.raw, `"id":`+id) {
		t.Errorf("after all this: %v", a)
	}
}

// TestATokenIsWorthWhatItsOwnerIs follows a token through what happens to it and to its owner, on two instances.
func TestATokenIsWorthWhatItsOwnerIs(t *testing.T) {
	t.Parallel()
	clock, theirs := &hands{at: time.Now()}, &hands{at: time.Now()}
	w := start(t, clocked(t, clock, false))
	other := w.serve(t, clocked(t, theirs, false))
	w.newUser(t, w.orgID, "head"+w.name(), authz.Admin, "")
	head := w.login(t, "head"+w.name())
	office, _ := head.token("admin", "read")
	scan, gone := head.token("scan")
	short := head.call("POST", "/api/account/tokens", map[string]any{"name": "for a day", "scopes": []string{"read"}, "days": 1}).text("token")
	there := w.stranger(t)
	there.url = other
	asks := func(token, path string) answer { return there.bearing(token).call("GET", path, nil) }
	within := func(what string, token, path string, status int) { // a second, on the other instance
		t.Helper()
		t.Log(what)
		theirs.advance(time.Second)
		eventually(t, func() bool { return asks(token, path).status == status })
	}
	head.want(asks(office, "/api/settings"), 200, "")
	head.want(asks(scan, "/api/bags"), 200, "")
	head.want(head.call("DELETE", "/api/account/tokens/"+gone, nil), 204, "")
	within("revoked", scan, "/api/bags", 401)
	head.want(head.call("DELETE", "/api/account/tokens/"+gone, nil), 404, "token_not_found")
	stranger := w.as(t, authz.Biller)
	stranger.want(stranger.call("DELETE", "/api/account/tokens/1", nil), 404, "token_not_found")

	w.exec(t, `UPDATE "user" SET role = 'dispatcher' WHERE username = $1`, "head"+w.name())
	within("demoted", office, "/api/settings", 403)
	head.want(asks(office, "/api/bags"), 200, "")
	w.exec(t, `UPDATE "user" SET must_change_password = true WHERE username = $1`, "head"+w.name())
	within("with a duty", office, "/api/bags", 403)
	head.want(asks(office, "/api/bags"), 403, "password_change_required")
	w.exec(t, `UPDATE "user" SET active = false WHERE username = $1`, "head"+w.name())
	within("shut out", office, "/api/bags", 401)
	w.exec(t, `UPDATE "user" SET active = true, must_change_password = false WHERE username = $1`, "head"+w.name())

	here := w.stranger(t).bearing(short)
	here.want(here.call("GET", "/api/bags", nil), 200, "")
	clock.advance(24*time.Hour - time.Second)
	here.want(here.call("GET", "/api/bags", nil), 200, "")
	clock.advance(time.Second)
	here.want(here.call("GET", "/api/bags", nil), 401, "unauthenticated")
}

// TestTheLastUseOfATokenIsWrittenOnceAMinute reads it off the row, by a clock of the test's own.
func TestTheLastUseOfATokenIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	clock := &hands{at: time.Now().Truncate(time.Second)}
	w := start(t, clocked(t, clock, false))
	token, _ := w.as(t, authz.Dispatcher).token("read")
	c := w.stranger(t).bearing(token)
	used := func() time.Time {
		t.Helper()
		var at *time.Time
		if err := w.db.Pool().QueryRow(t.Context(), "SELECT last_used_at FROM api_token").Scan(&at); err != nil {
			t.Fatal(err)
		}
		if at == nil {
			return time.Time{}
		}
		return *at
	}
	if !used().IsZero() {
		t.Error("used before it was")
	}
	first := clock.now()
	for _, step := range []struct {
		later time.Duration
		want  time.Time
	}{{0, first}, {30 * time.Second, first}, {29 * time.Second, first}, {time.Second, first.Add(time.Minute)}, {time.Second, first.Add(time.Minute)}} {
		clock.advance(step.later)
		c.want(c.call("GET", "/api/bags", nil), 200, "")
		if !used().Equal(step.want) {
			t.Errorf("%s later: last used at %s, want %s", step.later, used(), step.want)
		}
	}
}

// TestTokensAreRefused makes tokens that are not right, and one too many.
func TestTokensAreRefused(t *testing.T) {
	t.Parallel()
	w := start(t)
	d, b := w.as(t, authz.Dispatcher), w.as(t, authz.Biller)
	for _, tc := range []struct {
		name string
		by   *client
		body map[string]any
		code string
	}{
		{"no name", d, map[string]any{"name": " \u200b", "scopes": []string{"read"}, "days": 1}, "invalid_token"},
		{"a long name", d, map[string]any{"name": strings.Repeat("x", 51), "scopes": []string{"read"}, "days": 1}, "invalid_token"},
		{"no day", d, map[string]any{"name": "x", "scopes": []string{"read"}, "days": 0}, "invalid_token"},
		{"more than a year", d, map[string]any{"name": "x", "scopes": []string{"read"}, "days": 366}, "invalid_token"},
		{"no scope", d, map[string]any{"name": "x", "scopes": []string{}, "days": 1}, "invalid_scopes"},
		{"an unknown scope", d, map[string]any{"name": "x", "scopes": []string{"root"}, "days": 1}, "invalid_scopes"},
		{"a dispatcher's for bills", d, map[string]any{"name": "x", "scopes": []string{"read", "bill"}, "days": 1}, "invalid_scopes"},
		{"a biller's for admins", b, map[string]any{"name": "x", "scopes": []string{"admin"}, "days": 1}, "invalid_scopes"},
	} {
		a := tc.by.call("POST", "/api/account/tokens", tc.body)
		tc.by.t = t
		tc.by.want(a, 422, tc.code)
	}
	d.want(d.call("POST", "/api/account/tokens", map[string]any{"name": "x", "scopes": []string{"read"}, "days": 1, "user_id": 1}), 400, "malformed")
	var wait sync.WaitGroup
	for range 25 { // at once: none slips past the most that one may have
		wait.Go(func() {
			d.call("POST", "/api/account/tokens", map[string]any{"name": "x", "scopes": []string{"read"}, "days": 1})
		})
	}
	wait.Wait()
	d.want(d.call("POST", "/api/account/tokens", map[string]any{"name": "x", "scopes": []string{"read"}, "days": 1}), 409, "too_many_tokens")
	if n := len(d.call("GET", "/api/account/tokens", nil).body["items"].([]any)); n != 20 {
		t.Errorf("%d tokens", n)
	}
	var clear int
	if err := w.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM audit_log WHERE action = 'create_token' AND after_state->>'name' = 'x'`).Scan(&clear); err != nil || clear != 20 {
		t.Errorf("%d tokens are audited, %v", clear, err)
	}
}

// TestOwnAccountIsNeverGated looks at password, sessions and second factor in a suspended organization.
func TestOwnAccountIsNeverGated(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.as(t, authz.Dispatcher)
	w.stands(t, org.Billing{Standing: org.Suspended})
	eventually(t, func() bool { return c.call("GET", "/api/bags", nil).status == 403 })
	for _, path := range []string{"/account", "/account/password", "/account/2fa"} {
		if a := c.page(path); a.status != 200 {
			t.Errorf("%s: %v", path, a)
		}
	}
	c.want(c.call("GET", "/api/account", nil), 200, "")
	c.want(c.call("GET", "/api/account/sessions", nil), 200, "")
	c.want(c.call("POST", "/api/account/2fa/confirm", map[string]any{"code": "1"}), 409, "totp_off")
	c.want(c.call("POST", "/api/account/tokens", map[string]any{"name": "x", "scopes": []string{"read"}, "days": 1}), 403, "organization_inactive")
	c.want(c.call("POST", "/api/account/password", map[string]any{"password": password, "new_password": "quiet river stones"}), 204, "")
	c.want(c.call("DELETE", "/api/account/sessions", nil), 204, "")
	c.want(c.call("POST", "/api/logout", nil), 204, "")
}
