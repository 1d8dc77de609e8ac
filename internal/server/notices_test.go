package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"traitortrack/internal/authz"
)

// tell writes n notices to the user of a role, numbered from 1, and gives the id of the first.
func (w *warehouse) tell(t *testing.T, role authz.Role, n int, link string) int64 {
	t.Helper()
	var first int64
	err := w.db.Pool().QueryRow(t.Context(), `WITH told AS (
		INSERT INTO notification (org_id, user_id, kind, message, link)
		SELECT u.org_id, u.id, 'bill_completed', 'Told ' || g, nullif($3, '') FROM "user" u, generate_series(1, $2) g WHERE u.username = $1 ORDER BY g RETURNING id)
		SELECT min(id) FROM told`, string(role)+w.name(), n, link).Scan(&first)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// form sends a form, as a page does.
func (c *client) form(path string, values url.Values) answer {
	c.t.Helper()
	return c.send("POST", path, values.Encode(), "application/x-www-form-urlencoded", "text/html")
}

func TestNotices(t *testing.T) {
	t.Parallel()
	w := start(t)
	c, other := w.as(t, authz.Biller), w.as(t, authz.Admin)
	if p := c.page("/notifications"); p.status != 200 || !strings.Contains(p.raw, "Nothing to tell you") || strings.Contains(p.raw, `class="unread"`) {
		t.Errorf("with none: %v", p)
	}
	first := w.tell(t, authz.Biller, 3, "/bills/INV%2F1")
	if p := c.page("/bags"); !strings.Contains(p.raw, `<span class="unread" aria-hidden="true">3</span>`) || !strings.Contains(p.raw, "Notices, 3 unread") {
		t.Errorf("the bell: %v", p)
	}
	p := c.page("/notifications")
	if newest, oldest := strings.Index(p.raw, "Told 3"), strings.Index(p.raw, "Told 1"); newest < 0 || oldest < newest {
		t.Errorf("the newest is not first: %s", p.raw)
	}
	other.want(other.form(fmt.Sprintf("/notifications/%d/open", first), nil), 404, "")
	if a := c.form(fmt.Sprintf("/notifications/%d/open", first), nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/bills/INV%2F1" {
		t.Errorf("opened: %v", a)
	}
	list := c.call("GET", "/api/notifications?limit=2", nil)
	c.want(list, 200, "")
	next := c.call("GET", "/api/notifications?limit=2&cursor="+list.text("next"), nil)
	if !strings.Contains(list.raw, "Told 3") || strings.Contains(list.raw, "Told 1") || !strings.Contains(next.raw, "Told 1") || !strings.Contains(next.raw, `"read":true`) || next.body["next"] != nil {
		t.Errorf("the list: %v, and then %v", list, next)
	}
	c.want(c.call("GET", "/api/notifications?cursor=x", nil), 422, "invalid_cursor")
	c.want(c.call("GET", "/api/notifications?limit=0", nil), 422, "invalid_limit")
	for _, bad := range []map[string]any{{}, {"ids": []int64{1}, "up_to": 1}, {"ids": make([]int64, 201)}} {
		c.want(c.call("POST", "/api/notifications/read", bad), 422, "invalid_notices")
	}
	c.want(c.call("POST", "/api/notifications/read", map[string]any{"ids": []string{"1"}}), 400, "malformed")
	if a := other.call("POST", "/api/notifications/read", map[string]any{"up_to": first + 2}); a.body["unread"] != 0.0 {
		t.Errorf("another: %v", a)
	}
	if a := c.call("POST", "/api/notifications/read", map[string]any{"ids": []int64{first + 1, first + 99}}); a.body["unread"] != 1.0 {
		t.Errorf("one more read: %v", a)
	}
	w.tell(t, authz.Biller, 1, "") // it came after the page was looked at
	if a := c.form("/notifications/read", url.Values{"up_to": {fmt.Sprint(first + 2)}}); a.status != http.StatusSeeOther {
		t.Errorf("marked: %v", a)
	}
	if p := c.page("/notifications"); !strings.Contains(p.raw, "Notices, 1 unread") {
		t.Errorf("after all were read: %s", p.raw)
	}
	w.tell(t, authz.Biller, 120, "")
	if p := c.page("/notifications"); !strings.Contains(p.raw, ">99+</span>") || !strings.Contains(p.raw, `rel="next"`) {
		t.Errorf("with many: %s", p.raw)
	}
}

// A notice can be read while nothing may be written, and leads to no other site.
func TestNoticesOfAnOrganizationThatIsOverdue(t *testing.T) {
	t.Parallel()
	w := start(t)
	first := w.tell(t, authz.Dispatcher, 1, "//evil.example/")
	if _, err := w.db.Pool().Exec(t.Context(), `INSERT INTO billing (org_id, standing, past_due_since, grace_days)
		VALUES ($1, 'past_due', now() - interval '90 days', 7)`, w.orgID); err != nil {
		t.Fatal(err)
	}
	c := w.as(t, authz.Dispatcher)
	c.want(c.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 402, "billing_required")
	if a := c.form(fmt.Sprintf("/notifications/%d/open", first), nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/" {
		t.Errorf("opened: %v", a)
	}
}
