package server_test

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/notify"
	"traitortrack/internal/people"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// owner is an admin who has to have two-factor login, and has it.
type owner struct {
	*client
	w      *warehouse
	clock  *hands
	secret string
	codes  []string
}

func newOwner(t *testing.T, w *warehouse, change ...func(*server.Deps)) *owner {
	t.Helper()
	o := &owner{w: w, clock: &hands{at: time.Now()}}
	w.url = w.serve(t, func(d *server.Deps, r *redisdb.DB) {
		clocked(t, o.clock, true)(d, r)
		limits := generous()
		limits.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} // five codes a minute are too few here
		d.Limits, d.People = ratelimit.New(r, limits), people.NewStore(d.DB, d.Accounts, time.Now)
		for _, do := range change {
			do(d)
		}
	})
	o.client = w.as(t, authz.Admin)
	begun := o.call("POST", "/api/account/2fa", nil)
	o.want(begun, 200, "")
	o.secret = begun.text("secret")
	o.codes = o.confirm(o.secret)
	return o
}

// confirm shows a code of a device, and gives the recovery codes.
func (o *owner) confirm(secret string) []string {
	o.t.Helper()
	var got struct {
		Codes []string `json:"recovery_codes"`
	}
	a := o.call("POST", "/api/account/2fa/confirm", map[string]any{"code": appCode(o.t, secret, o.clock.now())})
	if err := json.Unmarshal([]byte(a.raw), &got); err != nil || a.status != 200 || len(got.Codes) != 10 {
		o.t.Fatalf("confirmed: %v, %v", a, err)
	}
	return got.Codes
}

// logsIn logs in elsewhere with a second factor.
func (o *owner) logsIn(code string) answer {
	o.t.Helper()
	return o.w.stranger(o.t).call("POST", "/api/login", map[string]any{"username": "admin" + o.w.name(), "password": password, "code": code})
}

// now gives the code that a device shows half a minute later, when none of it is used.
func (o *owner) now(secret string) string {
	o.t.Helper()
	o.clock.advance(30 * time.Second)
	return appCode(o.t, secret, o.clock.now())
}

// TestThePresentPhoneCountsUntilTheOtherIsConfirmed goes from one phone to another. At no time does the password alone let in.
func TestThePresentPhoneCountsUntilTheOtherIsConfirmed(t *testing.T) {
	t.Parallel()
	w := build(t)
	o := newOwner(t, w)
	o.shows(o.form("/account/2fa/replace", url.Values{"code": {"000000"}, "password": {password}}), 401, `aria-invalid="true"`)
	o.leads(o.form("/account/2fa/replace", url.Values{"code": {o.now(o.secret)}, "password": {password}}), "/account/2fa")
	page := o.page("/account/2fa")
	o.shows(page, 200, "let you in until you have confirmed the other one")
	if a := o.form("/account/2fa/replace", url.Values{"code": {"000000"}, "password": {password}}); strings.Count(a.raw, "autofocus") != 1 || strings.Count(a.raw, `aria-invalid="true"`) != 1 {
		t.Errorf("%d fields ask for the focus, and %d are wrong", strings.Count(a.raw, "autofocus"), strings.Count(a.raw, `aria-invalid="true"`))
	}
	other := o.typed(page)
	if other == o.secret {
		t.Fatal("the other phone is shown the secret of the present one")
	}
	o.want(o.call("GET", "/api/settings", nil), 200, "") // nothing is owed meanwhile
	o.want(o.logsIn(""), 401, "totp_required")
	o.want(o.logsIn(o.now(other)), 401, "invalid_totp")
	o.want(o.logsIn(o.now(o.secret)), 200, "")
	o.want(o.logsIn(o.codes[0]), 200, "")
	o.want(o.call("POST", "/api/account/2fa/confirm", map[string]any{"code": o.codes[1]}), 401, "invalid_totp")
	o.want(o.call("POST", "/api/account/2fa/confirm", map[string]any{"code": o.now(o.secret)}), 401, "invalid_totp")

	fresh := o.confirm(other)
	o.want(o.logsIn(appCode(t, other, o.clock.now())), 401, "invalid_totp") // used
	o.want(o.logsIn(o.now(o.secret)), 401, "invalid_totp")
	o.want(o.logsIn(o.codes[2]), 401, "invalid_totp")
	o.want(o.logsIn(o.now(other)), 200, "")
	o.want(o.logsIn(fresh[0]), 200, "")
}

// TestAnotherPhoneIsConfirmedInTime leaves one lying, and begins again.
func TestAnotherPhoneIsConfirmedInTime(t *testing.T) {
	t.Parallel()
	w := build(t)
	o := newOwner(t, w)
	begin := func() string {
		a := o.call("POST", "/api/account/2fa/replace", map[string]any{"code": o.now(o.secret), "password": password})
		o.want(a, 200, "")
		return a.text("secret")
	}
	late := begin()
	o.clock.advance(15 * time.Minute)
	o.want(o.call("POST", "/api/account/2fa/confirm", map[string]any{"code": appCode(t, late, o.clock.now())}), 409, "totp_on")
	if page := o.page("/account/2fa"); page.status != 200 || strings.Contains(page.raw, `id="secret"`) {
		t.Errorf("the page still shows the one that came too late: %v", page)
	}
	again := begin()
	o.want(o.call("POST", "/api/account/2fa/confirm", map[string]any{"code": appCode(t, late, o.clock.now())}), 401, "invalid_totp")
	o.confirm(again)
	o.want(o.logsIn(o.now(again)), 200, "")
}

// TestAnAdminTurnsOffALostFactor helps another admin who has lost their phone.
func TestAnAdminTurnsOffALostFactor(t *testing.T) {
	t.Parallel()
	w := build(t)
	outbox, err := notify.NewOutbox(true)
	if err != nil {
		t.Fatal(err)
	}
	o := newOwner(t, w, func(d *server.Deps) { d.Accounts.Outbox = outbox })
	second := "second" + w.name()
	w.newUser(t, w.orgID, second, authz.Admin, "")
	helper := w.login(t, second)
	begun := helper.call("POST", "/api/account/2fa", nil)
	helper.want(helper.call("POST", "/api/account/2fa/confirm", map[string]any{"code": appCode(t, begun.text("secret"), o.clock.now())}), 200, "")

	name := "admin" + w.name()
	helper.want(helper.call("POST", "/api/users/"+second+"/2fa/off", nil), 403, "own_account")
	helper.want(helper.call("POST", "/api/users/biller"+w.name()+"/2fa/off", nil), 409, "totp_off")
	helper.shows(helper.page("/users/"+name), 200, "as an admin they do so before anything else")
	off := helper.form("/users/"+name+"/2fa/off", nil)
	helper.leads(off, "/users/"+name+"?done=factor-off")
	helper.shows(helper.page("/users/"+name+"?done=factor-off"), 200, "They are logged out, and told of it.")
	helper.shows(helper.page("/audit?entity=user/"+name), 200, "Two-factor login off, by an admin")
	o.want(o.call("GET", "/api/bags", nil), 401, "unauthenticated")

	back := w.stranger(t)
	back.want(back.call("POST", "/api/login", map[string]any{"username": name, "password": password, "code": o.codes[0]}), 200, "")
	refusedEverywhere(back, "totp_enrolment_required", "/account/2fa")
	back.shows(back.page("/account/2fa"), 200, "If you did not ask for it, tell your admins at once.") // where the bell is not to be had
	o.client, o.secret = back, back.call("POST", "/api/account/2fa", nil).text("secret")
	o.confirm(o.secret)
	o.shows(o.page("/notifications"), 200, "An admin has turned your two-factor login off")
	var mails int
	if err := w.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM river.river_job WHERE kind = 'mail' AND args ->> 'subject' = 'Your two-factor login is off'`).Scan(&mails); err != nil || mails != 1 {
		t.Errorf("%d mails: %v", mails, err)
	}
}
