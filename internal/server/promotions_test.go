package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"traitortrack/internal/authz"
)

func TestAPromotionByTheAPI(t *testing.T) {
	t.Parallel()
	w := start(t)
	d, admin := w.as(t, authz.Dispatcher), w.as(t, authz.Admin)
	clock := &hands{at: time.Now()}
	elsewhere := *d
	elsewhere.url = w.serve(t, clocked(t, clock, false)) // another instance, with the same session
	ask := map[string]any{"role": "biller", "reason": "The bills pile up."}
	d.want(d.call("DELETE", "/api/promotion", nil), 404, "promotion_not_found")
	d.want(d.call("POST", "/api/promotions", map[string]any{"role": "owner", "reason": "x"}), 422, "invalid_role")
	d.want(d.call("POST", "/api/promotions", map[string]any{"role": "biller", "reason": "x", "user_id": 1}), 400, "malformed")
	d.want(d.call("POST", "/api/promotions", ask), 201, "")
	d.want(d.call("POST", "/api/promotions", ask), 409, "promotion_open")
	d.want(d.call("DELETE", "/api/promotion", nil), 200, "")
	asked := d.call("POST", "/api/promotions", ask)
	d.want(asked, 201, "")
	answer := fmt.Sprintf("/api/promotions/%v/", asked.body["id"])
	d.want(d.call("POST", answer+"approve", map[string]any{}), 403, "forbidden")
	d.want(d.call("GET", "/api/promotions", nil), 403, "forbidden")
	if list := admin.call("GET", "/api/promotions?status=open", nil); list.status != 200 || strings.Count(list.raw, `"reason"`) != 1 {
		t.Errorf("listed: %v", list)
	}
	if all := admin.call("GET", "/api/promotions?limit=1", nil); all.body["next"] == nil {
		t.Errorf("the first page: %v", all)
	}
	admin.want(admin.call("GET", "/api/promotions?status=lost", nil), 422, "invalid_filter")
	admin.want(admin.call("POST", "/api/promotions/x/approve", map[string]any{}), 404, "promotion_not_found")
	stranger := w.login(t, "admin"+orgName(w.newOrg(t, "Another warehouse")))
	stranger.want(stranger.call("POST", answer+"approve", map[string]any{}), 404, "promotion_not_found")

	elsewhere.want(elsewhere.call("GET", "/api/bills", nil), 403, "forbidden")
	home, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	stolen := w.stranger(t)
	stolen.http.Jar.SetCookies(home, d.http.Jar.Cookies(home))
	admin.want(admin.call("POST", answer+"approve", map[string]any{"note": "Welcome"}), 200, "")
	clock.advance(time.Second) // which the other instance may take
	eventually(t, func() bool { return elsewhere.call("GET", "/api/bills", nil).status == 200 })
	stolen.want(stolen.call("GET", "/api/bags", nil), 401, "unauthenticated") // the session went on under a new token
	d.want(d.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 200, "opened")
	admin.want(admin.call("POST", answer+"decline", map[string]any{}), 409, "promotion_answered")
	if told := d.call("GET", "/api/notifications", nil); told.status != 200 || !strings.Contains(told.raw, "You are a biller now") || !strings.Contains(told.raw, `"link":"/promotion"`) {
		t.Errorf("told: %v", told)
	}
	if own := d.call("GET", "/api/promotion", nil); !strings.Contains(own.raw, `"note":"Welcome"`) || !strings.Contains(own.raw, `"status":"withdrawn"`) {
		t.Errorf("own: %v", own)
	}
}

func TestAPromotionByThePages(t *testing.T) {
	t.Parallel()
	w := start(t)
	d, admin := w.as(t, authz.Dispatcher), w.as(t, authz.Admin)
	if p := d.page("/promotion"); p.status != 200 || strings.Count(p.raw, "<option") != 2 || !strings.Contains(p.raw, `href="/promotion"`) {
		t.Errorf("a dispatcher's page: %v", p)
	}
	if p := admin.page("/promotion"); !strings.Contains(p.raw, "no role above yours") {
		t.Errorf("an admin's page: %v", p)
	}
	if p := admin.page("/promotions"); !strings.Contains(p.raw, "Nobody waits for an answer") {
		t.Errorf("with none: %v", p)
	}
	refused := d.form("/promotion", url.Values{"role": {"admin"}, "reason": {" "}})
	if refused.status != http.StatusUnprocessableEntity || !strings.Contains(refused.raw, `value="admin" selected`) || !strings.Contains(refused.raw, `aria-invalid="true" autofocus`) {
		t.Errorf("without a reason: %v", refused)
	}
	if a := d.form("/promotion", url.Values{"role": {"admin"}, "reason": {"<b>I run</b> the place"}}); a.header.Get("Location") != "/promotion?done=asked" {
		t.Errorf("asked: %v", a)
	}
	if p := d.page("/promotion"); !strings.Contains(p.raw, "&lt;b&gt;I run&lt;/b&gt; the place") || !strings.Contains(p.raw, "/promotion/withdraw") {
		t.Errorf("while it is open: %v", p)
	}
	if p := admin.page("/users"); !strings.Contains(p.raw, "One request for promotion waits") {
		t.Errorf("the users' page: %v", p)
	}
	p := admin.page("/promotions")
	_, rest, found := strings.Cut(p.raw, `formaction="/promotions/`)
	id, _, _ := strings.Cut(rest, "/")
	if !found {
		t.Fatalf("no request to answer: %v", p)
	}
	if _, err := w.db.Pool().Exec(t.Context(), `UPDATE "user" SET role = 'admin' WHERE username = $1`, "dispatcher"+w.name()); err != nil {
		t.Fatal(err)
	}
	moot := admin.form("/promotions/"+id+"/approve", nil)
	if moot.status != http.StatusConflict || !strings.Contains(moot.raw, "is an admin already") || strings.Contains(moot.raw, "formaction") {
		t.Errorf("a role that they have: %v", moot)
	}
	if a := admin.form("/promotions/"+id+"/decline", url.Values{"note": {"You have it"}}); a.header.Get("Location") != "/promotions?done=declined" {
		t.Errorf("declined: %v", a)
	}
	if p := d.page("/promotion"); !strings.Contains(p.raw, "“You have it”") {
		t.Errorf("after the answer: %v", p)
	}
}
