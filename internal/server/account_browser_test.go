package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestAnAdminWithATelephone lets an admin enrol in two-factor login, log in with a code and with a recovery code, and make a
// token that works.
func TestAnAdminWithATelephone(t *testing.T) {
	t.Parallel()
	clock := &hands{at: time.Now()}
	w, b := browse(t, clocked(t, clock, true))
	admin := "admin" + w.name()

	b.logIn(admin, "/account/2fa")
	b.shoot("factor-off")
	b.click("main form button")
	b.until("the secret", "document.querySelector('.enrol__qr')?.naturalWidth > 0")
	b.shoot("factor-begun")
	secret := strings.Join(strings.Fields(b.text("#secret")), "")
	b.fill("#code", "000000\r")
	b.until("a refusal", "document.querySelector('#refused') && document.readyState === 'complete'")
	b.fill("#code", appCode(t, secret, clock.now())+"\r")
	b.until("the recovery codes", "document.querySelectorAll('#codes li').length === 10")
	b.shoot("codes")
	recovery := strings.Fields(b.text("#codes"))

	b.leave()
	clock.advance(30 * time.Second) // the code of this step is used up
	b.logIn(admin, "/login/2fa")
	b.fill("#code", appCode(t, secret, clock.now())+"\r")
	b.until("work, by a code", "location.pathname === '/dashboard'")
	b.leave()
	b.logIn(admin, "/login/2fa")
	b.fill("#code", strings.ToUpper(recovery[3])+"\r")
	b.until("work, by a recovery code", "location.pathname === '/dashboard'")

	b.open("/account")
	if !strings.Contains(b.text("main"), "Recovery codes left\n9") {
		t.Errorf("a recovery code was used, and the page says:\n%s", b.text("main"))
	}
	b.fill("#token-name", "scale at gate 2")
	b.click("main .fold .button--primary")
	b.until("the token", "document.querySelector('#secret')")
	token := b.text("#secret")
	b.shoot("account")
	c := w.stranger(t).bearing(token)
	c.want(c.call("GET", "/api/bags", nil), 200, "")
	c.want(c.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 403, "forbidden") // it is for reading
	b.open("/account/password")
	b.shoot("own-password")
	b.open("/account/2fa")
	b.shoot("factor-on")
}

// leave logs out by the menu.
func (b *browser) leave() {
	b.t.Helper()
	b.click("[data-menu] summary.top__button")
	b.click(`form[action="/logout"] button`)
	b.until("the login", "location.pathname === '/login' && document.readyState === 'complete'")
}

// fill types into a field.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.do("fill in "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}
