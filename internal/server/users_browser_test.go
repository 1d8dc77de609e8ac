package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"traitortrack/internal/authz"
)

// fits fails the test for a page that is wider than a phone.
func (b *browser) fits(page string) {
	b.t.Helper()
	b.look(360, 640, "light")
	if wide := b.eval("document.documentElement.scrollWidth"); wide != "360" {
		b.t.Errorf("%s is %s pixels wide on a phone of 360", page, wide)
	}
	b.look(1280, 900, "light")
}

// copies presses the button beside what is shown once, in a browser without a clipboard and in one that has it.
func (b *browser) copies(shown string) {
	b.t.Helper()
	b.eval("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
	b.click("[data-copy]")
	b.until("the text selected", fmt.Sprintf("getSelection().toString().trim() === %q", shown))
	b.eval("Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => { window.kept = text }}})")
	b.click("[data-copy]")
	b.until("the text copied", fmt.Sprintf("window.kept === %q && document.querySelector('[data-copy]').innerText.includes('Copied')", shown))
}

// TestBrowserInvites goes with an admin from the form to the link, and with the invited from the link to their first login.
func TestBrowserInvites(t *testing.T) {
	t.Parallel()
	w, b := browse(t)
	long := strings.Repeat("longname", 7) + w.name()
	w.newUser(t, w.orgID, long, authz.Dispatcher, strings.Repeat("Far corner of the yard ", 2))
	admin := w.as(t, authz.Admin)
	admin.want(admin.call("PATCH", "/api/users/"+long, map[string]any{"email": strings.Repeat("mail", 12) + "@" + strings.Repeat("example.", 8) + "org"}), 200, "")
	admin.want(admin.call("POST", "/api/users/dispatcher"+w.name()+"/deactivate", nil), 200, "")
	for range 5 {
		admin.call("POST", "/api/login", map[string]any{"username": "biller" + w.name(), "password": "wrong bags"})
	}
	b.logIn("admin"+w.name(), "/dashboard")
	b.open("/users")
	b.click("details.fold summary")
	b.shoot("users")
	b.fits("the list of users")
	b.eval("document.querySelector('details.fold').open = false")
	b.shoot("users-list")
	b.click("details.fold summary")
	b.do("fill the form in", chromedp.SendKeys(chromedp.CSS("#new-username"), "asha"+w.name()), chromedp.SendKeys(chromedp.CSS("#new-email"), "asha@example.org\r"))
	b.until("the link", "document.querySelector('.link__url')")
	link := b.text(".link__url")
	b.copies(link)
	b.shoot("user-invited")
	b.fits("the page of a user")
	b.open("/users/" + long)
	b.click("details.fold summary")
	b.shoot("user-long")
	b.fits("the page of a long name")
	b.open("/users/biller" + w.name())
	b.click("details.fold:last-of-type summary")
	b.shoot("user-locked")
	b.look(360, 640, "light")
	b.click(".places__item--more summary")
	b.until("the menu of the places", "document.querySelector('.places__item--more .menu__panel a')?.offsetWidth")
	b.shoot("places-more")
	b.logOut()
	target, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	b.open(target.Path)
	b.shoot("password")
	b.fits("the page of the link")
	b.do("choose a password", chromedp.SendKeys(chromedp.CSS("#password"), password), chromedp.SendKeys(chromedp.CSS("#again"), password+"\r"))
	b.until("the login", "location.pathname === '/login'")
	b.shoot("password-set")
	b.do("log in", chromedp.SendKeys(chromedp.CSS("#username"), "asha"+w.name()), chromedp.SendKeys(chromedp.CSS("#password"), password+"\r"))
	b.until("their own work", fmt.Sprintf("location.pathname === %q", "/scan"))
	b.logOut()
	b.open(target.Path)
	b.until("a link that is used", "document.body.innerText.includes('not good any more')")
	b.shoot("password-gone")
	b.open("/forgot")
	b.shoot("forgot-without-mail")
	b.fits("the page of who has forgotten")
}
