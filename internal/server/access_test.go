package server_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"traitortrack/internal/authz"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

func TestStrangersAreSentToTheLogin(t *testing.T) {
	t.Parallel()
	c := start(t).stranger(t)
	for path, where := range map[string]string{
		"/bags": "/login?next=%2Fbags", "/bills/A%2F1": "/login?next=%2Fbills%2FA%252F1", "/bags?kind=parent": "/login?next=%2Fbags%3Fkind%3Dparent", "/": "/login",
	} {
		if a := c.page(path); a.status != http.StatusSeeOther || a.header.Get("Location") != where {
			t.Errorf("%s: %d to %s, want 303 to %s", path, a.status, a.header.Get("Location"), where)
		}
	}
	c.want(c.call("GET", "/api/bags", nil), 401, "unauthenticated")
	c.want(c.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 401, "unauthenticated")
	c.want(c.call("POST", "/api/logout", nil), 401, "unauthenticated")
}

func TestLoginLeadsToOwnPagesOnly(t *testing.T) {
	t.Parallel()
	w := start(t)
	for next, want := range map[string]string{
		"/bags?q=SB": "/bags?q=SB", "": "/bills", "//evil.example": "/bills", "https://evil.example/": "/bills", "/\\evil.example": "/bills",
		"/\t/evil.example": "/bills", "javascript:alert(1)": "/bills", "/login": "/bills", "/login/2fa?next=/bags": "/bills",
	} {
		form := url.Values{"username": {"BILLER" + w.name()}, "password": {password}, "next": {next}}.Encode()
		a := w.stranger(t).send("POST", "/login", form, "application/x-www-form-urlencoded", "text/html")
		if a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("next %q: %d to %q, want %q", next, a.status, a.header.Get("Location"), want)
		}
	}
}

func TestTheSessionCookie(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.stranger(t)
	a := c.call("POST", "/api/login", map[string]any{"username": "admin" + w.name(), "password": password})
	cookie := strings.Join(slices.DeleteFunc(a.header.Values("Set-Cookie"), func(c string) bool { return !strings.HasPrefix(c, "traitortrack_session=") }), "")
	for _, part := range []string{"traitortrack_session=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q lacks %s", cookie, part)
		}
	}
	c.want(c.call("GET", "/api/bags", nil), 200, "")
	c.want(c.call("POST", "/api/logout", nil), 204, "")
	c.want(c.call("GET", "/api/bags", nil), 401, "")
	c.want(c.call("POST", "/api/login", map[string]any{"username": "admin" + w.name(), "password": "wrong bags"}), 401, "invalid_credentials")
	c.want(c.call("POST", "/api/login", map[string]any{"username": "nobody", "password": password}), 401, "invalid_credentials")
}

// TestALoginEndsTheSessionBefore proves that a session's token is not kept over a login.
func TestALoginEndsTheSessionBefore(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.as(t, authz.Dispatcher)
	home, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	before := c.http.Jar.Cookies(home)
	c.want(c.call("POST", "/api/login", map[string]any{"username": "biller" + w.name(), "password": password}), 200, "")
	old := w.stranger(t)
	old.http.Jar.SetCookies(home, before)
	old.want(old.call("GET", "/api/bags", nil), 401, "unauthenticated")
}

func TestRolesAreKeptApart(t *testing.T) {
	t.Parallel()
	w := start(t)
	d, b, a := w.as(t, authz.Dispatcher), w.as(t, authz.Biller), w.as(t, authz.Admin)
	a.want(a.call("POST", "/api/bills", map[string]any{"number": "B1", "capacity": 1}), 201, "")
	a.want(a.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 200, "opened")
	for _, call := range []struct{ method, path string }{
		{"GET", "/api/bills"}, {"POST", "/api/bills"}, {"GET", "/api/bills/B1"}, {"PATCH", "/api/bills/B1"}, {"POST", "/api/bills/B1/bags"},
		{"GET", "/api/bills/B1/bags"}, {"DELETE", "/api/bills/B1/bags/SB00001"}, {"POST", "/api/bills/B1/complete"}, {"POST", "/api/bills/B1/reopen"},
		{"DELETE", "/api/bills/B1"}, {"DELETE", "/api/bags/SB00001"},
	} {
		d.want(d.call(call.method, call.path, map[string]any{}), 403, "forbidden")
	}
	b.want(b.call("DELETE", "/api/bills/B1", nil), 403, "forbidden")
	b.want(b.call("DELETE", "/api/bags/SB00001", nil), 403, "forbidden")
	if page := d.page("/bills"); page.status != 403 || !strings.Contains(page.raw, `href="/"`) {
		t.Errorf("a denied page has no way back: %v", page)
	}
	a.want(a.call("DELETE", "/api/bags/SB00001", nil), 204, "")
	a.want(a.call("DELETE", "/api/bills/B1", nil), 200, "")
}

// TestAreasHoldOnEveryPath drives a dispatcher of one area against a parent of another.
func TestAreasHoldOnEveryPath(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.newUser(t, w.orgID, "north"+w.name(), authz.Dispatcher, "North")
	w.newUser(t, w.orgID, "south"+w.name(), authz.Dispatcher, "South")
	north, south, everywhere := w.login(t, "north"+w.name()), w.login(t, "south"+w.name()), w.as(t, authz.Dispatcher)
	north.want(north.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 200, "opened")
	north.want(north.call("POST", "/api/scans", map[string]any{"code": "C0001", "parent": "SB00001"}), 200, "linked")
	for _, call := range []struct {
		method, path string
		body         map[string]any
	}{
		{"POST", "/api/scans", map[string]any{"code": "SB00001"}},
		{"POST", "/api/scans", map[string]any{"code": "C0002", "parent": "SB00001"}},
		{"POST", "/api/scans", map[string]any{"code": "SB00002", "parent": "SB00001"}},
		{"POST", "/api/bags/SB00001/close", nil},
		{"POST", "/api/bags/SB00001/reopen", nil},
	} {
		south.want(south.call(call.method, call.path, call.body), 403, "other_area")
	}
	south.want(south.call("DELETE", "/api/bags/C0001/parent", nil), 403, "forbidden")
	batch := south.call("POST", "/api/scans/batch", map[string]any{"scans": []any{map[string]any{"code": "C0002", "parent": "SB00001"}}})
	if !strings.Contains(batch.raw, `"other_area"`) {
		t.Errorf("a batch passes: %v", batch)
	}
	everywhere.want(everywhere.call("POST", "/api/scans", map[string]any{"code": "C0002", "parent": "SB00001"}), 200, "linked")
	north.want(north.call("POST", "/api/bags/SB00001/close", nil), 200, "")
}

// TestOrganizationsDoNotSeeEachOther takes each address of one organization with a user of another.
func TestOrganizationsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	w := start(t)
	other := w.newOrg(t, "Another warehouse")
	ours, theirs := w.as(t, authz.Admin), w.login(t, "admin"+orgName(other))
	ours.want(ours.call("POST", "/api/scans", map[string]any{"code": "C0001", "parent": "SB00001"}), 200, "linked")
	ours.want(ours.call("POST", "/api/bills", map[string]any{"number": "B1", "capacity": 1}), 201, "")
	ours.want(ours.call("POST", "/api/bills/B1/bags", map[string]any{"code": "SB00001"}), 200, "linked")
	for path, code := range map[string]string{"/api/bags/SB00001": "bag_not_found", "/api/bags/C0001": "bag_not_found", "/api/bills/B1": "bill_not_found", "/api/bills/B1/bags": "bill_not_found"} {
		theirs.want(theirs.call("GET", path, nil), 404, code)
	}
	theirs.want(theirs.call("DELETE", "/api/bags/C0001/parent", nil), 404, "not_linked")
	theirs.want(theirs.call("POST", "/api/bags/SB00001/close", nil), 404, "bag_not_found")
	theirs.want(theirs.call("POST", "/api/bills/B1/complete", nil), 404, "bill_not_found")
	theirs.want(theirs.call("POST", "/api/scans", map[string]any{"code": "C0001", "parent": "SB00001"}), 200, "linked")
	if history := theirs.call("GET", "/api/bags/SB00001/history", nil); strings.Contains(history.raw, "admin"+w.name()) {
		t.Errorf("the story of another's bag is told: %v", history)
	}
}

func TestHeadersTellBrowsersWhatNotToDo(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.stranger(t)
	for _, path := range []string{"/login", "/api/bags", "/nothing", "/health"} {
		h := c.page(path).header
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Strict-Transport-Security": "", "Cache-Control": "no-store", "Referrer-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if h.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", path)
		}
	}
	w.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) { d.Sessions.Secure = true }) // TLS ends at a proxy
	if h := w.stranger(t).page("/login").header; h.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("behind TLS: %v", h)
	}
}

func TestAnotherSiteCannotActForSomebody(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.as(t, authz.Dispatcher)
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/api/scans", strings.NewReader(`{"code":"SB00001"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(name, value)
		response, err := c.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s: %d", name, value, response.StatusCode)
		}
	}
	c.want(c.call("GET", "/api/bags/SB00001", nil), 404, "bag_not_found")
}

func TestHeadIsServedWhereGetIs(t *testing.T) {
	t.Parallel()
	c := start(t).as(t, authz.Admin)
	for _, path := range []string{"/bags", "/bills", "/api/bags", "/health", "/api/docs"} {
		if a := c.send("HEAD", path, "", "", "text/html"); a.status != 200 || a.raw != "" {
			t.Errorf("HEAD %s: %v", path, a)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	c := start(t).stranger(t)
	c.want(c.call("GET", "/health", nil), 200, "")
	eventually(t, func() bool { return c.call("GET", "/healthz", nil).text("status") == "ready" })
}

// TestAServerThatStopsPartsWays holds that what is still asked while a server stops is answered, and asked elsewhere the next time.
func TestAServerThatStopsPartsWays(t *testing.T) {
	t.Parallel()
	w := start(t)
	var prober *server.Prober
	url := w.serve(t, func(d *server.Deps, _ *redisdb.DB) { prober = d.Prober })
	last := func(path string) (int, bool) {
		t.Helper()
		a, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		return a.StatusCode, a.Close
	}
	if status, parts := last("/health"); status != http.StatusOK || parts {
		t.Errorf("before: %d, parts %v", status, parts)
	}
	prober.Drain()
	if status, parts := last("/health"); status != http.StatusOK || !parts {
		t.Errorf("a request while it stops: %d, parts %v", status, parts)
	}
	if status, _ := last("/healthz"); status != http.StatusServiceUnavailable {
		t.Errorf("the health while it stops: %d", status)
	}
}
