package server_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"traitortrack/internal/authz"
)

// audited is a warehouse in whose log something of every kind stands: a bill that was made, edited and deleted, and
// logins that failed.
func audited(t *testing.T) (*warehouse, *client) {
	t.Helper()
	w := start(t)
	c := w.as(t, authz.Admin)
	c.want(c.call("POST", "/api/bills", map[string]any{"number": "INV/1", "capacity": 3, "description": "=cmd()"}), 201, "")
	c.want(c.call("PATCH", "/api/bills/INV%2F1", map[string]any{"capacity": 2}), 200, "")
	c.want(c.call("DELETE", "/api/bills/INV%2F1", nil), 200, "")
	stranger := w.stranger(t)
	stranger.want(stranger.call("POST", "/api/login", map[string]any{"username": "biller" + w.name(), "password": "wrong bags"}), 401, "invalid_credentials")
	return w, c
}

func actionsOf(t *testing.T, a answer) string {
	t.Helper()
	var list struct {
		Items []struct {
			Action     string
			EntityName string `json:"entity_name"`
		}
	}
	if err := json.Unmarshal([]byte(a.raw), &list); err != nil {
		t.Fatalf("%v: %v", a, err)
	}
	var actions []string
	for _, e := range list.Items {
		actions = append(actions, e.Action)
	}
	return strings.Join(actions, " ")
}

func TestTheAuditLogByTheAPI(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now().In(zone)
	w, admin := audited(t)
	w.newUser(t, w.orgID, "99", authz.Biller, "")
	day, before, today := begun.Format(time.DateOnly), begun.AddDate(0, 0, -1).Format(time.DateOnly), time.Now().In(zone).Format(time.DateOnly) // midnight may be between
	for query, want := range map[string]string{
		"?action=delete_bill":                           "delete_bill",
		"?entity=bill":                                  "delete_bill edit_bill create_bill",
		"?entity=bill/INV/1&action=create_bill":         "create_bill",
		"?entity=bill/INV/1&user=ADMIN" + w.name():      "delete_bill edit_bill create_bill",
		"?entity=bill&user=biller" + w.name():           "",
		"?entity=user/biller" + w.name():                "login_failed create_user",
		"?entity=user/nobody":                           "",
		"?entity=user/99":                               "create_user", // a name of digits is a name first
		"?entity=user/9223372036854775807":              "",
		"?action=login_failed&from=" + day:              "login_failed",
		"?entity=bill&to=" + today:                      "delete_bill edit_bill create_bill",
		"?entity=bill&to=" + before:                     "",
		"?entity=bill&limit=1":                          "delete_bill",
		"?entity=bill&from=2020-01-01T00:00:00%2B05:30": "delete_bill edit_bill create_bill",
	} {
		a := admin.call("GET", "/api/audit"+query, nil)
		if admin.want(a, 200, ""); actionsOf(t, a) != want {
			t.Errorf("%s: %s, want %s", query, actionsOf(t, a), want)
		}
	}
	page := admin.call("GET", "/api/audit?entity=bill&limit=2", nil)
	rest := admin.call("GET", "/api/audit?entity=bill&limit=2&cursor="+page.text("next"), nil)
	if actionsOf(t, rest) != "create_bill" || rest.body["next"] != nil {
		t.Errorf("the second page: %v", rest)
	}
	for query, code := range map[string]string{"?from=yesterday": "invalid_filter", "?to=2020-01-01&from=2021-01-01": "invalid_filter", "?to=2020-01-01&from=2020-01-02": "invalid_filter", "?limit=0": "invalid_limit", "?cursor=x": "invalid_cursor"} {
		admin.want(admin.call("GET", "/api/audit"+query, nil), 422, code)
	}
	for _, role := range []authz.Role{authz.Biller, authz.Dispatcher} {
		c := w.as(t, role)
		c.want(c.call("GET", "/api/audit", nil), 403, "forbidden")
		c.want(c.call("GET", "/api/audit/export?format=csv", nil), 403, "forbidden")
	}
	theirs := w.login(t, "admin"+orgName(w.newOrg(t, "Another warehouse")))
	if a := theirs.call("GET", "/api/audit?entity=bill", nil); actionsOf(t, a) != "" {
		t.Errorf("another's log: %v", a)
	}
}

func TestTheAuditLogAsAFile(t *testing.T) {
	t.Parallel()
	_, admin := audited(t)
	a := admin.call("GET", "/api/audit/export?format=csv&entity=bill", nil)
	rows, err := csv.NewReader(strings.NewReader(a.raw)).ReadAll()
	if err != nil || len(rows) != 4 || !strings.Contains(a.header.Get("Content-Disposition"), ".csv") {
		t.Fatalf("%v, %v; want a head and three rows", a, err)
	}
	if rows[0][1] != "action" || rows[1][1] != "delete_bill" || !strings.Contains(rows[1][9], `"number":"INV/1"`) {
		t.Errorf("rows: %q", rows)
	}
	a = admin.call("GET", "/api/audit/export?format=jsonl&entity=bill", nil)
	if lines := strings.Split(strings.TrimSpace(a.raw), "\n"); len(lines) != 3 || !json.Valid([]byte(lines[0])) {
		t.Errorf("lines: %q", lines)
	}
	admin.want(admin.call("GET", "/api/audit/export?format=pdf", nil), 422, "invalid_filter")
	admin.want(admin.call("GET", "/api/audit/export?format=csv&from=x", nil), 422, "invalid_filter")
	if a := admin.send("HEAD", "/api/audit/export?format=csv", "", "", "*/*"); a.status != 200 {
		t.Errorf("HEAD: %v", a)
	}
	exports := admin.call("GET", "/api/audit?action=export_audit_log", nil)
	if n := len(exports.body["items"].([]any)); n != 2 || !strings.Contains(exports.raw, `"entity_type":"bill"`) {
		t.Errorf("%d exports are in the log, want two: %v", n, exports)
	}
}

// TestNoCellIsAFormula makes events whose cells begin the way formulas do.
func TestNoCellIsAFormula(t *testing.T) {
	t.Parallel()
	w, admin := audited(t)
	for i, begins := range []string{"=1+1", "+1", "-1", "@A1", "\tx"} {
		_, err := w.db.Pool().Exec(t.Context(), `INSERT INTO sealed.audit_log (org_id, at, action, entity_type, entity_id, request_id)
			VALUES ($1, now(), 'test', $2, $2, $3)`, w.orgID, begins, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
	}
	a := admin.call("GET", "/api/audit/export?format=csv&action=test", nil)
	rows, err := csv.NewReader(strings.NewReader(a.raw)).ReadAll()
	if err != nil || len(rows) != 6 {
		t.Fatalf("%v, %v", a, err)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t") {
				t.Errorf("the cell %q is a formula", cell)
			}
		}
	}
}

func TestTheAuditPage(t *testing.T) {
	t.Parallel()
	w, admin := audited(t)
	page := func(query url.Values, status int) *goquery.Document {
		t.Helper()
		a := admin.page("/audit?" + query.Encode())
		if a.status != status {
			t.Fatalf("%v: %v", query, a)
		}
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.raw))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	doc := page(url.Values{"entity": {"bill/INV/1"}, "user": {"admin" + w.name()}}, 200)
	if n := doc.Find(".audit-event").Length(); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
	edit := doc.Find(".audit-event").Eq(1)
	if text := strings.Join(strings.Fields(edit.Find(".audit-changes tbody").Text()), " "); text != "capacity32" {
		t.Errorf("the edit changed %q, want the capacity from 3 to 2 and nothing else", text)
	}
	if user := doc.Find("#audit-user").AttrOr("value", ""); user != "admin"+w.name() {
		t.Errorf("the form forgot the user: %q", user)
	}
	if href := doc.Find(`a[download]`).First().AttrOr("href", ""); !strings.Contains(href, "entity=bill%2FINV%2F1") {
		t.Errorf("the file is not of what is shown: %s", href)
	}
	if n := doc.Find(`#audit-action option[value="login_failed"]`).Length(); n != 1 {
		t.Errorf("login_failed is %d choices", n)
	}
	if doc = page(url.Values{"user": {"nobody"}}, 200); doc.Find(".empty h2").Text() != "No event like that" {
		t.Error("no word about an empty result")
	}
	if doc = page(url.Values{"from": {"2026-02-30"}}, 422); doc.Find("#audit-from[aria-invalid]").Length() != 1 {
		t.Error("the wrong field is not marked")
	}
}
