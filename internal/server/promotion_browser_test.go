package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"traitortrack/internal/authz"
)

// TestBrowserPromotion goes with a dispatcher from the question to the answer. Their scanning page stays open all the
// while, and what they scan after the answer is taken: the session goes on under the new role.
func TestBrowserPromotion(t *testing.T) {
	t.Parallel()
	w, b := browse(t)
	long := strings.Repeat("longname", 7) + w.name()
	w.newUser(t, w.orgID, long, authz.Biller, "")
	other := w.login(t, long)
	other.want(other.call("POST", "/api/promotions", map[string]any{"role": "admin", "reason": strings.Repeat("Overlongwordsinareason", 8) + " and some short ones."}), 201, "")
	boss := b.target(chromedp.WithNewBrowserContext())
	scanning := b
	b = scanning.tab()

	scanning.logIn("dispatcher"+w.name(), "/scan")
	b.open("/notifications")
	b.shoot("notifications-none")
	b.open("/scan")
	b.click("summary.top__button")
	b.click(`a.menu__item[href="/promotion"]`)
	b.until("the question", "document.querySelector('#reason')")
	b.shoot("promotion-ask")
	b.fits("the question")
	b.do("ask", chromedp.SendKeys(chromedp.CSS("#reason"), "I make the bills whenever Ravi is away, and they pile up."), chromedp.Click(chromedp.CSS("main .button--primary")))
	b.until("that it is asked", "document.querySelector('.notice--accepted')")
	b.shoot("promotion-open")

	boss.logIn("admin"+w.name(), "/dashboard")
	boss.until("the bell", "document.querySelector('.unread')?.innerText === '2'")
	boss.open("/users")
	boss.until("who waits", "document.body.innerText.includes('2 requests for promotion wait')")
	boss.open("/notifications")
	boss.shoot("notifications")
	boss.fits("the notices")
	boss.click(".news__open")
	boss.until("the requests", "location.pathname === '/promotions'")
	boss.shoot("promotions")
	boss.fits("the requests")
	boss.do("say yes", chromedp.SendKeys(chromedp.CSS("textarea"), "Thank you for asking."), chromedp.Click(chromedp.CSS(".request__answers .button--primary")))
	boss.until("that it is answered", "document.querySelector('.notice--accepted')")
	boss.shoot("promotions-answered")

	scanning.scan("SB00001", "K0001")
	scanning.until("a scan after the answer", "document.body.innerText.includes('K0001') && document.body.innerText.includes('1 / 30')")
	b.open("/notifications")
	b.until("the answer", "document.body.innerText.includes('You are a biller now')")
	b.shoot("notifications-answer")
	b.click(".news__open")
	b.until("what they asked", "location.pathname === '/promotion' && document.body.innerText.includes('Thank you for asking.')")
	b.until("that nothing is unread", "!document.querySelector('.unread')")
	b.shoot("promotion-answered")
	b.click(`a.place[href="/bills"]`)
	b.until("a biller's work", fmt.Sprintf("location.pathname === %q && document.querySelector('h1').innerText === 'Bills'", "/bills"))
}
