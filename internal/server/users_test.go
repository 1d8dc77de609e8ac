package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"traitortrack/internal/authz"
	"traitortrack/internal/obs"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// invite makes a user by the API, and gives the token of their link.
func (c *client) invite(name, role string) string {
	c.t.Helper()
	a := c.call("POST", "/api/users", map[string]any{"username": name, "role": role})
	c.want(a, 201, "")
	return tokenIn(c.t, a.body["link"])
}

// tokenIn gives the token of a link that an answer shows.
func tokenIn(t *testing.T, link any) string {
	t.Helper()
	shown, _ := link.(map[string]any)
	address, _ := shown["url"].(string)
	_, token, found := strings.Cut(address, "/password/")
	if !found {
		t.Fatalf("no link in %v", link)
	}
	return token
}

func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// post sends a form, as a browser does.
func (c *client) post(path, body string) answer {
	c.t.Helper()
	return c.send("POST", path, body, "application/x-www-form-urlencoded", "text/html")
}

func TestUsersOverTheAPI(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.as(t, authz.Admin)
	made := a.call("POST", "/api/users", map[string]any{"username": "Asha", "email": "asha@example.org", "role": "dispatcher", "area": "North"})
	a.want(made, 201, "")
	if made.header.Get("Location") != "/api/users/Asha" || made.body["invited"] != true || strings.Contains(made.raw, "hash") {
		t.Errorf("made %v", made)
	}
	edited := a.call("PATCH", "/api/users/asha", map[string]any{"role": "biller", "area": ""})
	if a.want(edited, 200, ""); edited.text("role") != "biller" || edited.text("area") != "" || edited.text("email") != "asha@example.org" || edited.body["link"] != nil {
		t.Errorf("edited %v", edited)
	}
	listed := a.call("GET", "/api/users?q=ash&role=biller&active=true", nil)
	if a.want(listed, 200, ""); strings.Count(listed.raw, `"username"`) != 1 {
		t.Errorf("listed %v", listed)
	}
	for _, bad := range []string{"?role=owner", "?active=maybe", "?limit=0", "?cursor=x"} {
		a.want(a.call("GET", "/api/users"+bad, nil), 422, "")
	}
	a.want(a.call("POST", "/api/users", map[string]any{"username": "ASHA", "role": "biller"}), 409, "user_exists")
	for _, tc := range []struct {
		step, member string
		want         bool
	}{{"unlock", "active", true}, {"sessions/end", "active", true}, {"password/force", "must_change_password", true}, {"deactivate", "active", false}, {"reactivate", "active", true}} {
		if got := a.call("POST", "/api/users/asha/"+tc.step, nil); got.status != 200 || got.body[tc.member] != tc.want {
			t.Errorf("%s: %v", tc.step, got)
		}
	}
	a.want(a.call("GET", "/api/users/nobody", nil), 404, "user_not_found")
}

// TestWhatNobodyGetsByAUserForm sends what would give more than was asked for.
func TestWhatNobodyGetsByAUserForm(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.as(t, authz.Admin)
	self := "/api/users/admin" + w.name()
	user := map[string]any{"username": "mallory", "role": "biller"}
	with := func(name string, value any) map[string]any {
		more := map[string]any{name: value}
		for k, v := range user {
			if _, given := more[k]; !given {
				more[k] = v
			}
		}
		return more
	}
	for _, extra := range []string{"org_id", "active", "password_hash", "session_epoch", "id", "two_factor", "password"} {
		a.want(a.call("POST", "/api/users", with(extra, 1)), 400, "malformed")
		a.want(a.call("PATCH", "/api/users/biller"+w.name(), map[string]any{extra: 1}), 400, "malformed")
	}
	for name, code := range map[string]string{
		"asha\r\nBcc: all@example.org": "invalid_username", "as\u0000ha": "invalid_username", "asha k": "invalid_username", "": "invalid_username",
		strings.Repeat("a", 61): "invalid_username", "admin\u200b" + w.name(): "invalid_username", "..": "invalid_username",
		"ADMIN" + w.name(): "user_exists",
	} {
		if got := a.call("POST", "/api/users", with("username", name)); got.text("code") != code {
			t.Errorf("%q: %v, not %s", name, got, code)
		}
	}
	for _, address := range []string{"asha@example.org\r\nBcc: all@example.org", "a@b.example, c@d.example", "Asha <a@b.example>", "asha", "a@b.example\n"} {
		got := a.call("POST", "/api/users", map[string]any{"username": "trimmed", "role": "biller", "email": address})
		if strings.HasSuffix(address, "\n") { // what stands around it is no part of it
			a.want(got, 201, "")
			continue
		}
		a.want(got, 422, "invalid_email")
		a.want(a.call("PATCH", "/api/users/biller"+w.name(), map[string]any{"email": address}), 422, "invalid_email")
	}
	a.want(a.call("POST", "/api/users", with("role", "owner")), 422, "invalid_role")
	a.want(a.call("PATCH", self, map[string]any{"role": "biller"}), 403, "own_role")
	a.want(a.call("POST", self+"/deactivate", nil), 403, "own_account")
	a.want(a.call("POST", self+"/password/link", nil), 403, "own_account")
	a.want(a.call("GET", self, nil), 200, "")
	if page := a.post("/users/admin"+w.name(), form("role", "biller")); page.status != 403 || !strings.Contains(page.raw, "Nobody changes their own role") {
		t.Errorf("an own role by the form: %v", page)
	}
}

func TestANameIsShownAsText(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.as(t, authz.Admin)
	const name = `<script>alert(1)</script>`
	page := a.post("/users", form("username", name, "role", "dispatcher", "area", `"><img/src=x>`))
	if page.status != 200 {
		t.Fatalf("made: %v", page)
	}
	for _, raw := range []string{page.raw, a.page("/users").raw, a.page("/users/" + url.PathEscape(name)).raw} {
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if doc.Find("main script, main img").Length() > 0 || !strings.Contains(doc.Find("main").Text(), name) {
			t.Errorf("the name is not text in %.2000s", raw)
		}
	}
}

// TestAnInvitation goes from the admin's form to the first login.
func TestAnInvitation(t *testing.T) {
	t.Parallel()
	w := start(t)
	a, c := w.as(t, authz.Admin), w.stranger(t)
	page := a.post("/users", form("username", "Asha", "role", "biller"))
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page.raw))
	if err != nil {
		t.Fatal(err)
	}
	_, path, found := strings.Cut(doc.Find(".link__url").Text(), w.url)
	if page.status != 200 || !found {
		t.Fatalf("no link of ours in %v", page)
	}
	if again := a.page("/users/Asha"); again.status != 200 || strings.Contains(again.raw, path) {
		t.Errorf("the link is shown twice")
	}
	c.want(c.call("POST", "/api/login", map[string]any{"username": "asha", "password": ""}), 401, "invalid_credentials")
	shown := c.page(path)
	if shown.status != 200 || !strings.Contains(shown.raw, "Asha") || shown.header.Get("Referrer-Policy") != "strict-origin" {
		t.Errorf("the page of the link: %v", shown)
	}
	for _, tc := range []struct{ body, says string }{
		{form("password", "green bags here", "again", "green bags there"), "differ"},
		{form("password", "short", "again", "short"), "at least 10"},
		{form("password", "password1234", "again", "password1234"), "guessed first"},
	} {
		if refused := c.post(path, tc.body); refused.status != 422 || !strings.Contains(refused.raw, tc.says) {
			t.Errorf("%s: %v", tc.body, refused)
		}
	}
	set := c.post(path, form("password", password, "again", password))
	if set.status != http.StatusSeeOther || set.header.Get("Location") != "/login?set" || !strings.Contains(c.page("/login?set").raw, "Your password is set") {
		t.Errorf("set: %v", set)
	}
	if used := c.page(path); used.status != 404 || !strings.Contains(used.raw, "not good any more") {
		t.Errorf("the page of a used link: %v", used)
	}
	if used := c.post(path, form("password", "another good one", "again", "another good one")); used.status != 404 {
		t.Errorf("a used link: %v", used)
	}
	w.login(t, "asha")
}

func TestALinkThatIsNotGood(t *testing.T) {
	t.Parallel()
	w := start(t)
	a, c := w.as(t, authz.Admin), w.stranger(t)
	biller := w.as(t, authz.Biller)
	use := func(token string) answer {
		return c.call("POST", "/api/password", map[string]any{"token": token, "password": "nine brown sacks"})
	}
	link := func() string {
		t.Helper()
		made := a.call("POST", "/api/users/biller"+w.name()+"/password/link", nil)
		a.want(made, 201, "")
		return tokenIn(t, made.body)
	}
	first := link()
	second := link()
	c.want(use(first), 404, "link_invalid") // a newer one has taken its place
	c.want(use(""), 404, "link_invalid")
	c.want(use(strings.ToLower(second)), 404, "link_invalid")
	if _, err := w.db.Pool().Exec(t.Context(), "UPDATE password_link SET expires_at = now() WHERE used_at IS NULL"); err != nil {
		t.Fatal(err)
	}
	c.want(use(second), 404, "link_invalid") // late
	third := link()
	a.want(a.call("POST", "/api/users/biller"+w.name()+"/deactivate", nil), 200, "")
	c.want(use(third), 404, "link_invalid")
	a.want(a.call("POST", "/api/users/biller"+w.name()+"/password/link", nil), 409, "user_inactive")
	a.want(a.call("POST", "/api/users/biller"+w.name()+"/reactivate", nil), 200, "")
	c.want(use(third), 404, "link_invalid")
	fourth := link()
	c.want(use(fourth), 200, "")
	c.want(use(fourth), 404, "link_invalid") // twice
	biller.want(biller.call("GET", "/api/bags", nil), 401, "unauthenticated")
	c.want(c.call("POST", "/api/login", map[string]any{"username": "biller" + w.name(), "password": password}), 401, "invalid_credentials")
	c.want(c.call("POST", "/api/login", map[string]any{"username": "biller" + w.name(), "password": "nine brown sacks"}), 200, "")
	w.login(t, "dispatcher"+w.name()) // the password of nobody else has changed
}

func TestAnAdminShutsOutAndLetsIn(t *testing.T) {
	t.Parallel()
	w := start(t)
	a, d := w.as(t, authz.Admin), w.as(t, authz.Dispatcher)
	name := "dispatcher" + w.name()
	d.want(d.call("GET", "/api/bags", nil), 200, "")
	if page := a.post("/users/"+name+"/deactivate", ""); page.status != 303 || !strings.HasPrefix(page.header.Get("Location"), "/users/"+name) {
		t.Errorf("deactivated: %v", page)
	}
	eventuallyRefused(t, d)
	d.want(d.call("POST", "/api/login", map[string]any{"username": name, "password": password}), 401, "invalid_credentials")
	a.want(a.call("POST", "/api/users/"+name+"/reactivate", nil), 200, "")
	d.want(d.call("GET", "/api/bags", nil), 401, "unauthenticated") // the cookie from before stays dead
	d = w.login(t, name)
	a.want(a.call("POST", "/api/users/"+name+"/sessions/end", nil), 200, "")
	eventuallyRefused(t, d)
	for range 5 {
		d.want(d.call("POST", "/api/login", map[string]any{"username": name, "password": "wrong bags"}), 401, "")
	}
	d.want(d.call("POST", "/api/login", map[string]any{"username": name, "password": password}), 423, "account_locked")
	a.want(a.call("POST", "/api/users/"+name+"/unlock", nil), 200, "")
	w.login(t, name)
	if page := a.page("/users/" + name + "?done=unlocked"); page.status != 200 || !strings.Contains(page.raw, "They can try again") {
		t.Errorf("the page of the user: %v", page)
	}
}

func TestAnAdminRevokesATokenOfSomebody(t *testing.T) {
	t.Parallel()
	w := start(t)
	a, b := w.as(t, authz.Admin), w.as(t, authz.Biller)
	made := b.call("POST", "/api/account/tokens", map[string]any{"name": "a scale", "scopes": []string{"read"}, "days": 30})
	b.want(made, 201, "")
	tokens := "/api/users/biller" + w.name() + "/tokens"
	listed := a.call("GET", tokens, nil)
	if a.want(listed, 200, ""); !strings.Contains(listed.raw, "a scale") || strings.Contains(listed.raw, made.text("token")) {
		t.Errorf("listed %v", listed)
	}
	id := made.text("id")
	if page := a.page("/users/biller" + w.name()); !strings.Contains(page.raw, "/tokens/"+id+"/revoke") {
		t.Errorf("the page does not show the token %s: %v", id, page)
	}
	a.want(a.call("DELETE", "/api/users/dispatcher"+w.name()+"/tokens/"+id, nil), 404, "token_not_found")
	a.want(a.call("DELETE", tokens+"/"+id, nil), 204, "")
	a.want(a.call("DELETE", tokens+"/"+id, nil), 404, "token_not_found")
	if listed := a.call("GET", tokens, nil); strings.Contains(listed.raw, "a scale") {
		t.Errorf("still listed: %v", listed)
	}
}

// eventuallyRefused waits until a session is over, which it is within a second.
func eventuallyRefused(t *testing.T, c *client) {
	t.Helper()
	eventually(t, func() bool { return c.call("GET", "/api/bags", nil).status == http.StatusUnauthorized })
}

// TestALinkIsInNoLog uses a link in every way, and reads what the server wrote meanwhile.
func TestALinkIsInNoLog(t *testing.T) {
	t.Parallel()
	w := build(t)
	var log lockedBuffer
	metrics := obs.NewMetrics()
	w.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) {
		d.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		d.Requests = obs.NewRequests(d.Log, metrics, time.Now)
	})
	a, c := w.as(t, authz.Admin), w.stranger(t)
	const chosen = "nine brown sacks"
	token := a.invite("asha", "biller")
	c.page("/password/" + token)
	c.send("GET", "/password/"+token+"/", "", "", "text/html")
	c.post("/password/"+token, form("password", chosen, "again", "another"))
	c.post("/password/"+token, form("password", chosen, "again", chosen))
	c.want(c.call("POST", "/api/password", map[string]any{"token": token, "password": chosen}), 404, "link_invalid")
	numbers := httptest.NewRecorder()
	metrics.Private().ServeHTTP(numbers, httptest.NewRequest("GET", "/metrics", nil))
	said := log.String() + numbers.Body.String()
	for _, secret := range []string{token, chosen, password} {
		if strings.Contains(said, secret) {
			t.Errorf("%q is in a log or a metric", secret)
		}
	}
	if !strings.Contains(said, `"route":"/password/{token}"`) || !strings.Contains(said, "password link not sent by mail") {
		t.Errorf("the log is not what was read: %.3000s", said)
	}
	var kept string
	if err := w.db.Pool().QueryRow(t.Context(), `SELECT (SELECT string_agg(l::text, ' ') FROM audit_log l) || (SELECT string_agg(p::text, ' ') FROM password_link p)`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(kept, token) || strings.Contains(kept, chosen) {
		t.Error("a secret is in the database")
	}
}

// lockedBuffer is a log that several requests write to.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write writes one line.
func (b *lockedBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

// String gives what was written.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
