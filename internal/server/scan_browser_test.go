package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"traitortrack/internal/authz"
)

// children gives n codes of children that begin with a mark.
func children(mark string, n int) []string {
	codes := make([]string, n)
	for i := range codes {
		codes[i] = fmt.Sprintf("%s%04d", mark, i+1)
	}
	return codes
}

// counted is the condition that the page shows a parent with so many children, and that nothing waits.
func counted(code string, n int) string {
	return fmt.Sprintf(`document.querySelector('[data-parent-code]').innerText === %q
		&& document.querySelector('[data-parent-children]').innerText === '%d'
		&& document.querySelector('[data-queue]').hidden`, code, n)
}

// wantChildren asks the server itself how many children a parent holds, and how many scans they took.
func wantChildren(t *testing.T, w *warehouse, parent string, want int) {
	t.Helper()
	c := w.as(t, authz.Admin)
	a := c.call("GET", "/api/bags/"+parent, nil)
	c.want(a, http.StatusOK, "")
	if got := len(a.body["children"].([]any)); got != want {
		t.Errorf("%s holds %d children, want %d", parent, got, want)
	}
}

func wantScans(t *testing.T, w *warehouse, code string, want int) {
	t.Helper()
	a := w.as(t, authz.Admin).call("GET", "/api/bags/"+code+"/history", nil)
	if got := len(a.body["items"].([]any)); got != want {
		t.Errorf("%s has %d events, want %d: %v", code, got, want, a)
	}
}

// TestMainJob is the job that everything else serves: fill a parent, undo, scan again, and put the parent on a bill.
func TestMainJob(t *testing.T) {
	t.Parallel()
	w, b := browse(t)
	b.logIn(fmt.Sprintf("dispatcher%d", w.orgID), "/scan")
	b.shoot("scan-empty")
	b.scan("SB00017")
	b.until("the parent", counted("SB00017", 0))
	codes := children("C", 30)
	for i, code := range codes {
		b.read(code)
		if i == 11 {
			b.until("twelve", counted("SB00017", 12))
			b.shoot("scan-filling")
		}
	}
	b.until("the full parent", counted("SB00017", 30))
	b.until("its finish", `document.querySelector('[data-word]').innerText === 'Complete' && document.querySelector('[data-text]').innerText.includes('30.000 kg')`)
	b.shoot("scan-complete")
	b.scan("X0001")
	b.until("a refusal that says what to do", `document.querySelector('[data-panel]').dataset.tone === 'refused' && document.querySelector('[data-text]').innerText.includes('Scan the next parent')`)
	b.shoot("scan-refused")

	b.click(`[data-code="C0030"] [data-undo]`)
	b.until("the undo", counted("SB00017", 29))
	b.scan("C0030")
	b.until("the child again", counted("SB00017", 30))
	wantChildren(t, w, "SB00017", 30)
	wantScans(t, w, "C0030", 3)

	b.scan("SB00018", "D0001")
	b.until("the next parent without a tap", counted("SB00018", 1))
	b.logOut()
	billTheParents(b, w)
	readTheDashboard(b, w)
	b.open("/bags")
	b.shoot("bags")
	b.open("/bags/SB00017")
	b.shoot("bag")
}

// readTheDashboard reads the totals off the dashboard: 2 parents and 31 children, and a bill that is
// completed, and then a scan that somebody makes meanwhile.
func readTheDashboard(b *browser, w *warehouse) {
	b.t.Helper()
	b.open("/dashboard")
	total := func(name string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('.dash-totals li')].find((li) => li.innerText.includes(%q)).innerText`, name)
	}
	b.until("the totals", total("Bags")+`.includes('33') && `+total("Bags")+`.includes('2 parents · 31 children')`)
	b.until("the children in parents", total("Children in parents")+`.includes('31')`)
	b.until("the bills", total("Open bills")+`.includes('1 completed')`)
	b.shoot("dashboard")
	somebody := w.as(b.t, authz.Admin)
	somebody.want(somebody.call("POST", "/api/scans", map[string]any{"code": "SB00019"}), http.StatusOK, "opened")
	b.until("somebody's scan, without a reload", total("Bags")+`.includes('3 parents · 31 children')`)
}

// billTheParents builds and completes a bill of SB00017 and SB00018 in the browser.
func billTheParents(b *browser, w *warehouse) {
	b.t.Helper()
	b.logIn(fmt.Sprintf("biller%d", w.orgID), "/bills")
	b.until("the form", `document.querySelector('#bill-number') !== null`)
	b.eval(`document.querySelector('#bill-number').closest('details').open = true`)
	b.eval(`(document.querySelector('#bill-number').value = 'INV/2026-27/0042', document.querySelector('#bill-capacity').value = '2')`)
	b.click("form[action='/bills'][method=post] button")
	b.until("the bill", `location.pathname.startsWith('/bills/') && document.querySelector('[data-input]') !== null`)
	b.until("the focus", `document.activeElement.matches('[data-input]')`)
	b.scan("SB00017")
	b.until("the first parent", `document.querySelector('[data-linked]').innerText === '1'`)
	b.scan("SB00017", "C0001")
	b.until("a refusal", `document.querySelector('[data-panel]').dataset.tone === 'refused'`)
	b.shoot("bill-filling")
	b.scan("SB00018")
	b.until("both parents", `document.querySelector('[data-linked]').innerText === '2'`)
	b.shoot("bill-ready")
	b.click("form[action$='/complete'] button")
	b.until("the completed bill", `document.querySelector("form[action$='/reopen']") !== null`)
	b.shoot("bill-completed")
	if page := b.text("main"); !strings.Contains(page, "31.000 kg") || !strings.Contains(page, "60.000 kg") {
		b.t.Errorf("the bill's weights are not 31.000 of 60.000 kg:\n%s", page)
	}
	b.open("/bills")
	b.shoot("bills")
}
