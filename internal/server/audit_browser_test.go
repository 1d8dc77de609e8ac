package server_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"traitortrack/internal/authz"
)

// TestBrowserAudit looks for who did what: all of it, page by page, then one bill's changes with what was before, and takes
// them as a file.
func TestBrowserAudit(t *testing.T) {
	t.Parallel()
	w, b := browse(t)
	admin := w.as(t, authz.Admin)
	_, err := w.db.Pool().Exec(t.Context(), `INSERT INTO sealed.audit_log (org_id, at, action, entity_type, entity_id, request_id)
		SELECT $1, now() - n * interval '1 minute', 'complete_bill', 'bill', 'OLD/' || n, '' FROM generate_series(1, 60) n`, w.orgID)
	if err != nil {
		t.Fatal(err)
	}
	admin.want(admin.call("POST", "/api/bills", map[string]any{"number": "INV/7", "capacity": 10}), 201, "")
	admin.want(admin.call("PATCH", "/api/bills/INV%2F7", map[string]any{"capacity": 12, "description": "to Jaipur"}), 200, "")
	w.stranger(t).call("POST", "/api/login", map[string]any{"username": "admin" + w.name(), "password": "wrong bags"})
	b.logIn("admin"+w.name(), "/dashboard")
	b.open("/audit")
	b.shoot("audit")
	b.fits("the audit log")
	b.click(`a[rel="next"]`)
	b.until("the second page", "location.search.includes('cursor=') && document.body.innerText.includes('OLD/60')")

	b.do("filter", chromedp.SendKeys(chromedp.CSS("#audit-entity"), "bill/INV/7\r"))
	b.until("the one bill's events", "document.querySelectorAll('.audit-list > li').length === 2")
	b.click(".audit-list > li:first-child summary")
	b.until("what was before and after", "document.querySelector('.audit-was')?.innerText === '10' && document.querySelector('.audit-is')?.innerText === '12'")
	b.shoot("audit-event")
	b.fits("an event of the audit log")
	file := b.eval(`fetch(document.querySelector('a[href*="format=csv"]').href).then((r) => r.text()).then((text) => { window.file = text }) && ''`)
	b.until("the file"+file, "window.file?.trim().split('\\n').length === 3 && window.file.includes('INV/7')")
	b.open("/audit?user=nobody-here")
	b.until("that there is none", "document.body.innerText.includes('No event like that')")
	b.shoot("audit-empty")
}
