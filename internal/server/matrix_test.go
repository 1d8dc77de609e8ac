package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// The matrix of routes, roles and organizations is made from the router's own table: a new route is in it without being
// put there. What stands between braces in its pattern is filled with something of the first organization.
var inBraces = regexp.MustCompile(`\{(\w+)\}`)

// things names one thing of the first organization for each name in a pattern.
type things map[string]string

// ofTheFirst makes one of everything in the first organization.
func (w *warehouse) ofTheFirst(t *testing.T) things {
	t.Helper()
	c := w.as(t, authz.Admin)
	c.want(c.call("POST", "/api/scans", map[string]any{"code": "C0001", "parent": "SB00001"}), 200, "linked")
	c.want(c.call("POST", "/api/bills", map[string]any{"number": "B/1", "capacity": 1}), 201, "")
	c.want(c.call("POST", "/api/bills/B%2F1/bags", map[string]any{"code": "SB00001"}), 200, "linked")
	token := c.call("POST", "/api/account/tokens", map[string]any{"name": "a program", "scopes": []string{"read"}, "days": 30})
	c.want(token, 201, "")
	var session struct{ Items []struct{ ID string } }
	if a := c.call("GET", "/api/account/sessions", nil); json.Unmarshal([]byte(a.raw), &session) != nil || len(session.Items) == 0 {
		t.Fatalf("sessions: %v", a)
	}
	var notice int64
	err := w.db.Pool().QueryRow(t.Context(), `INSERT INTO notification (org_id, user_id, kind, message) SELECT org_id, id, 'pool_alert', 'Full' FROM "user"
		WHERE username = 'admin' || $1 RETURNING id`, w.name()).Scan(&notice)
	if err != nil {
		t.Fatal(err)
	}
	asked := w.as(t, authz.Dispatcher).call("POST", "/api/promotions", map[string]any{"role": "biller", "reason": "I bill already"})
	c.want(asked, 201, "")
	return things{"code": "SB00001", "child": "C0001", "number": "B/1", "username": "biller" + w.name(),
		"tokens/id": fmt.Sprint(token.body["id"]), "sessions/id": session.Items[0].ID, "notifications/id": fmt.Sprint(notice),
		"promotions/id": fmt.Sprint(asked.body["id"]), "pid": "2147483647"}
}

// fill puts things into a pattern. A name that is not among them fails the matrix: say what a stranger would type for it.
func (all things) fill(t *testing.T, pattern string) string {
	t.Helper()
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		name := strings.Trim(part, "{}")
		switch {
		case part == name:
			continue
		case name == "code" && i+1 < len(parts) && (parts[i+1] == "parent" || parts[i+1] == "remove"):
			name = "child"
		case name == "id":
			name = parts[i-1] + "/id"
		}
		thing, known := all[name]
		if !known {
			t.Errorf("%s: the matrix does not know what %s could be", pattern, name)
		}
		parts[i] = url.PathEscape(thing)
	}
	return strings.Join(parts, "/")
}

// knock asks for a route as a browser or a program would, and gives the status without waiting for the end of the answer.
func (c *client) knock(rt server.RouteLine, path string) (int, http.Header) {
	c.t.Helper()
	ctx, leave := context.WithCancel(c.t.Context())
	defer leave()
	body, kind, accept := "", "application/x-www-form-urlencoded", "text/html"
	if strings.HasPrefix(path, "/api/") {
		body, kind, accept = "{}", "application/json", "application/json"
	}
	if rt.Method == http.MethodGet {
		body = ""
	}
	r, err := http.NewRequestWithContext(ctx, rt.Method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", accept)
	response, err := c.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", rt.Method, path, err)
	}
	_ = response.Body.Close()
	return response.StatusCode, response.Header
}

// unknown reports whether an answer is the one for who is not logged in: 401 for a program, and the login for a browser.
func unknown(path string, status int, header http.Header) bool {
	if strings.HasPrefix(path, "/api/") {
		return status == http.StatusUnauthorized
	}
	return status == http.StatusSeeOther && strings.HasPrefix(header.Get("Location"), "/login")
}

// ends reports whether a route ends the session that asks.
func ends(rt server.RouteLine) bool { return strings.HasSuffix(rt.Pattern, "/logout") }

// TestEveryRouteForEveryRole asks for every route as nobody and in every role, for things that are not there.
func TestEveryRouteForEveryRole(t *testing.T) {
	t.Parallel()
	w := build(t)
	keys, err := account.NewKeyring(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	w.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) { d.Accounts.Keys = keys })
	stranger := w.stranger(t)
	roles := map[authz.Role]*client{}
	for _, role := range []authz.Role{authz.Dispatcher, authz.Biller, authz.Admin} {
		roles[role] = w.as(t, role)
	}
	asked := 0
	for _, rt := range server.RouteTable() {
		if rt.Open {
			continue
		}
		path := inBraces.ReplaceAllString(rt.Pattern, "0")
		if status, header := stranger.knock(rt, path); !unknown(path, status, header) {
			t.Errorf("%s %s without a login: %d to %q", rt.Method, rt.Pattern, status, header.Get("Location"))
		}
		for role, c := range roles {
			may := (authz.Actor{Role: role}).Can(rt.Action)
			if ends(rt) {
				c = w.as(t, role)
			}
			status, header := c.knock(rt, path)
			if asked++; may == (status == http.StatusForbidden) || unknown(path, status, header) && !ends(rt) || status >= 500 || status == http.StatusMethodNotAllowed {
				t.Errorf("%s %s as %s, who may: %v: %d", rt.Method, rt.Pattern, role, may, status)
			}
		}
	}
	if asked < 100 {
		t.Fatalf("only %d questions were asked: the table is not what it was", asked)
	}
}

// TestEveryRouteForEveryToken asks for every route with tokens of each scope, of the role that has a use for it.
func TestEveryRouteForEveryToken(t *testing.T) {
	t.Parallel()
	w := start(t)
	asked := 0
	for _, owner := range []struct {
		role   authz.Role
		scopes []string
	}{
		{authz.Dispatcher, []string{"read"}}, {authz.Dispatcher, []string{"scan"}}, {authz.Biller, []string{"bill"}}, {authz.Biller, []string{"read", "scan"}},
		{authz.Admin, []string{"read"}}, {authz.Admin, []string{"admin"}}, {authz.Admin, []string{"read", "scan", "bill", "admin"}},
	} {
		scopes, err := authz.ParseScopes(owner.scopes)
		if err != nil {
			t.Fatal(err)
		}
		token, _ := w.as(t, owner.role).token(owner.scopes...)
		c := w.stranger(t).bearing(token)
		for _, rt := range server.RouteTable() {
			if rt.Open {
				continue
			}
			may := (authz.Actor{Role: owner.role, TokenID: 1, Scopes: scopes, Reading: rt.Method == http.MethodGet}).Can(rt.Action)
			status, _ := c.knock(rt, inBraces.ReplaceAllString(rt.Pattern, "0"))
			if asked++; may == (status == http.StatusForbidden) || status == http.StatusUnauthorized || status >= 500 {
				t.Errorf("%s %s with a token of a %s for %s, which may: %v: %d", rt.Method, rt.Pattern, owner.role, scopes, may, status)
			}
		}
	}
	if asked < 700 {
		t.Fatalf("only %d questions were asked: the table is not what it was", asked)
	}
}

// TestEveryRouteForAnotherOrganization asks for every thing of the first organization in every role of another.
func TestEveryRouteForAnotherOrganization(t *testing.T) {
	t.Parallel()
	w := start(t)
	ours := w.ofTheFirst(t)
	before := w.everything(t)
	other, asked := orgName(w.newOrg(t, "Another warehouse")), 0
	theirs := map[authz.Role]*client{}
	for _, role := range []authz.Role{authz.Dispatcher, authz.Biller, authz.Admin} {
		theirs[role] = w.login(t, string(role)+other)
		for _, rt := range server.RouteTable() {
			if rt.Open || !inBraces.MatchString(rt.Pattern) {
				continue
			}
			asked++
			want, special := otherwise[rt.Method+" "+rt.Pattern]
			switch {
			case !(authz.Actor{Role: role}).Can(rt.Action):
				want = http.StatusForbidden
			case !special:
				want = http.StatusNotFound
			}
			if status, _ := theirs[role].knock(rt, ours.fill(t, rt.Pattern)); status != want {
				t.Errorf("%s %s of another organization as %s: %d, not %d", rt.Method, rt.Pattern, role, status, want)
			}
		}
	}
	if asked < 90 {
		t.Fatalf("only %d questions were asked: the table is not what it was", asked)
	}
	if story := theirs[authz.Admin].call("GET", "/api/bags/SB00001/history", nil); strings.TrimSpace(story.raw) != `{"items":[],"next":null}` {
		t.Errorf("the story of another organization's bag: %v", story)
	}
	if after := w.everything(t); after != before {
		t.Errorf("another organization has changed something: %s became %s", before, after)
	}
}

// otherwise are the routes that answer a stranger with something else than 404, and with nothing of another organization.
var otherwise = map[string]int{
	"GET /api/bags/{code}/history":     http.StatusOK,       // a bag that was deleted keeps its story: a code that no bag has has an empty one
	"POST /account/sessions/{id}/end":  http.StatusSeeOther, // what is not there is as good as ended: back to the page
	"POST /account/tokens/{id}/revoke": http.StatusSeeOther,
	// A connection to the database is no organization's, and the form says when the one that is meant began.
	"GET /pool_dashboard/backends/{pid}":         http.StatusUnprocessableEntity,
	"POST /pool_dashboard/backends/{pid}/cancel": http.StatusUnprocessableEntity,
	"POST /pool_dashboard/backends/{pid}/end":    http.StatusUnprocessableEntity,
}

// everything gives a fingerprint of what the first organization has.
func (w *warehouse) everything(t *testing.T) string {
	t.Helper()
	var print string
	err := w.db.Pool().QueryRow(t.Context(), `SELECT concat_ws(' ',
		(SELECT md5(string_agg(b::text, '|' ORDER BY b.id)) FROM bag b WHERE org_id = $1), (SELECT md5(string_agg(l::text, '|' ORDER BY child_id)) FROM link l WHERE org_id = $1),
		(SELECT md5(string_agg(b::text, '|' ORDER BY b.id)) FROM bill b WHERE org_id = $1), (SELECT count(*) FROM bill_bag WHERE org_id = $1),
		(SELECT md5(string_agg(concat_ws('|', username, email, role, area, active, session_epoch, must_change_password), ' ' ORDER BY id)) FROM "user" WHERE org_id = $1),
		(SELECT count(*) FROM password_link WHERE org_id = $1), (SELECT count(*) FROM api_token WHERE org_id = $1),
		(SELECT count(*) FROM session s JOIN "user" u ON u.id = s.user_id WHERE u.org_id = $1), (SELECT count(*) FROM notification WHERE org_id = $1 AND read_at IS NULL),
		(SELECT count(*) FROM promotion_request WHERE org_id = $1 AND status = 'open'))`, w.orgID).Scan(&print)
	if err != nil {
		t.Fatal(err)
	}
	return print
}
