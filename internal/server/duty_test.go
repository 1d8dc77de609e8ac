package server_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"traitortrack/internal/authz"
)

// leads fails the test unless an answer sends the browser to a page.
func (c *client) leads(a answer, to string) {
	c.t.Helper()
	if a.status != http.StatusSeeOther || a.header.Get("Location") != to {
		c.t.Errorf("got %v to %q, want 303 to %s", a, a.header.Get("Location"), to)
	}
}

// shows fails the test unless an answer is a page with a text.
func (c *client) shows(a answer, status int, text string) {
	c.t.Helper()
	if a.status != status || !strings.Contains(a.raw, text) {
		c.t.Errorf("got %v, want %d with %q", a, status, text)
	}
}

// appCode gives an authenticator app's code.
func appCode(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// refusedEverywhere asks for one of everything, and expects the duty's refusal as JSON and its page as a page.
func refusedEverywhere(c *client, code, page string) {
	c.t.Helper()
	for _, path := range []string{"/api/bags", "/api/stats", "/api/settings", "/api/billing", "/api/account", "/api/account/sessions", "/api/account/tokens", "/api/search?q=x"} {
		c.want(c.call("GET", path, nil), 403, code)
	}
	c.want(c.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 403, code)
	c.want(c.call("POST", "/api/account/tokens", map[string]any{}), 403, code)
	c.want(c.call("DELETE", "/api/account/sessions", nil), 403, code)
	for _, path := range []string{"/", "/dashboard", "/bags", "/account", "/billing", "/settings"} {
		c.leads(c.page(path), page)
	}
	c.leads(c.form("/bills", url.Values{"number": {"B1"}}), page)
}

// TestAnAdminEnrolsBeforeAnythingElse goes by the API and by the pages.
func TestAnAdminEnrolsBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	clock := &hands{at: time.Now()}
	w := start(t, clocked(t, clock, false))
	before := w.as(t, authz.Admin)
	token, _ := before.token("read", "admin") // made when nobody asked for a second factor
	w.url = w.serve(t, clocked(t, clock, true))
	c := w.stranger(t)
	c.leads(c.form("/login", url.Values{"username": {"admin" + w.name()}, "password": {password}, "next": {"/bags"}}), "/bags")
	refusedEverywhere(c, "totp_enrolment_required", "/account/2fa")
	c.want(c.bearing(token).call("GET", "/api/bags", nil), 403, "totp_enrolment_required")
	c.want(c.bearing(token).call("POST", "/api/account/2fa", nil), 403, "forbidden")
	if d := w.as(t, authz.Dispatcher); d.page("/bags").status != 200 {
		t.Error("a dispatcher owes something")
	}

	off := c.page("/account/2fa")
	c.shows(off, 200, "until then nothing else opens")
	if strings.Contains(off.raw, `href="/bags"`) || strings.Contains(off.raw, `action="/search"`) {
		t.Error("the page leads to where nobody gets")
	}
	c.leads(c.form("/account/2fa", nil), "/account/2fa")
	begun := c.page("/account/2fa")
	c.shows(begun, 200, `src="data:image/svg`)
	secret := c.typed(begun)
	wrong := c.form("/account/2fa/confirm", url.Values{"code": {"12345"}})
	c.shows(wrong, 401, `aria-invalid="true"`)
	c.shows(wrong, 401, secret[:4]) // the same secret, and not another
	old := c.cookies()
	codes := c.form("/account/2fa/confirm", url.Values{"code": {appCode(t, secret, clock.now())}})
	c.shows(codes, 200, "Two-factor login is on")
	if n := len(regexp.MustCompile(`<li>[a-z0-9]{4}(-[a-z0-9]{4}){3}</li>`).FindAllString(codes.raw, -1)); n != 10 {
		t.Errorf("%d recovery codes are shown", n)
	}
	c.shows(c.page("/account"), 200, "Recovery codes left")
	c.want(c.call("GET", "/api/settings", nil), 200, "")
	c.want(c.bearing(token).call("GET", "/api/settings", nil), 200, "")
	w.stale(t, old, "before the enrolment")
	clock.advance(time.Second) // which the other instance, on which they were logged in before, may take
	eventuallyRefused(t, before)

	clock.advance(30 * time.Second)
	off = c.form("/account/2fa/off", url.Values{"code": {appCode(t, secret, clock.now())}, "password": {password}})
	c.shows(off, 403, "It stays on")
}

// typed gives the secret that a page shows for typing.
func (c *client) typed(page answer) string {
	c.t.Helper()
	secret := strings.Join(regexp.MustCompile(`<span>([A-Z2-7]{4})</span>`).FindAllString(page.raw, -1), "")
	if secret = regexp.MustCompile(`</?span>`).ReplaceAllString(secret, ""); len(secret) != 32 {
		c.t.Fatalf("the typed secret is %q", secret)
	}
	return secret
}

// cookies gives what the client's browser keeps.
func (c *client) cookies() []*http.Cookie {
	c.t.Helper()
	home, err := url.Parse(c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.http.Jar.Cookies(home)
}

// stolen is somebody with another's cookies.
func (w *warehouse) stolen(t *testing.T, cookies []*http.Cookie) *client {
	t.Helper()
	thief := w.stranger(t)
	home, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	thief.http.Jar.SetCookies(home, cookies)
	return thief
}

// stale fails the test when cookies still open anything.
func (w *warehouse) stale(t *testing.T, cookies []*http.Cookie, when string) {
	t.Helper()
	if len(cookies) == 0 {
		t.Fatalf("there was no cookie %s", when)
	}
	if a := w.stolen(t, cookies).call("GET", "/api/bags", nil); a.status != 401 {
		t.Errorf("the cookie from %s: %v", when, a)
	}
}

// TestAForcedPasswordComesFirst has an admin force a new password on somebody who is logged in.
func TestAForcedPasswordComesFirst(t *testing.T) {
	t.Parallel()
	w := start(t, clocked(t, &hands{at: time.Now()}, true))
	w.exec(t, `UPDATE "user" SET must_change_password = true WHERE username = $1`, "admin"+w.name())
	c := w.as(t, authz.Admin)
	refusedEverywhere(c, "password_change_required", "/account/password")
	c.shows(c.page("/account/password"), 200, "choose a new password")
	change := func(present, wanted, again string) answer {
		return c.form("/account/password", url.Values{"password": {present}, "new_password": {wanted}, "again": {again}})
	}
	c.shows(change("not mine", "quiet river stones", "quiet river stones"), 422, "not your present password")
	c.shows(change(password, "quiet river stones", "quiet river stone"), 422, "differ")
	c.shows(change(password, password, password), 422, "the password that you have")
	c.shows(change(password, "password123", "password123"), 422, "Many people")
	c.shows(change(password, "short", "short"), 422, "at least 10")
	refusedEverywhere(c, "password_change_required", "/account/password")
	old := c.cookies()
	c.leads(change(password, "quiet river stones", "quiet river stones"), "/account?done=password")
	w.stale(t, old, "before the password changed")
	refusedEverywhere(c, "totp_enrolment_required", "/account/2fa") // and then the next
	c.want(c.call("POST", "/api/logout", nil), 204, "")
}
