package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/org"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// stands sets the first organization's billing, and tells of it as the command does.
func (w *warehouse) stands(t *testing.T, b org.Billing) {
	t.Helper()
	err := w.db.Tx(t.Context(), func(tx pgx.Tx) error { return org.SetBilling(t.Context(), tx, authz.Actor{}, w.orgID, b) })
	if err != nil {
		t.Fatal(err)
	}
	redis, err := redisdb.Open(w.redis)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redis.Close() }()
	org.Announce(t.Context(), redis, w.orgID)
}

// ask is one request of the gate's tests.
type ask struct {
	name         string
	write        bool
	method, path string
	body         string
	html         bool
}

// by sends the request as a client.
func (a ask) by(c *client) answer {
	switch {
	case a.html && a.write:
		return c.send(a.method, a.path, a.body, "application/x-www-form-urlencoded", "text/html")
	case a.html:
		return c.page(a.path)
	default:
		return c.send(a.method, a.path, a.body, "application/json", "application/json")
	}
}

// gateCase is a standing with what it allows.
type gateCase struct {
	name        string
	billing     org.Billing
	read, write int    // status of a refusal, or 0
	banner      string // on a page that is shown
}

func gateCases() []gateCase {
	now := time.Now()
	kolkata := time.FixedZone("", 5*3600+1800)
	lastDay := now.In(kolkata).AddDate(0, 0, 3).Format("Monday, 2 January 2006")
	return []gateCase{
		{"exempt", org.Billing{Standing: org.Exempt}, 0, 0, ""},
		{"active", org.Billing{Standing: org.Active}, 0, 0, ""},
		{"trialing", org.Billing{Standing: org.Trialing, TrialEnds: now.Add(time.Hour)}, 0, 0, ""},
		{"trial over", org.Billing{Standing: org.Trialing, TrialEnds: now.Add(-time.Hour)}, 0, 402, "Nothing can be scanned"},
		{"past due, in grace", org.Billing{Standing: org.PastDue, Since: now, GraceDays: 3}, 0, 0, lastDay},
		{"past due", org.Billing{Standing: org.PastDue, Since: now.AddDate(0, 0, -5), GraceDays: 3}, 0, 402, "Nothing can be scanned"},
		{"suspended", org.Billing{Standing: org.Suspended}, 403, 403, ""},
		{"canceled", org.Billing{Standing: org.Canceled}, 403, 403, ""},
	}
}

func TestTheGateInEveryStanding(t *testing.T) {
	t.Parallel()
	for _, cached := range []bool{true, false} {
		t.Run(fmt.Sprintf("cache %v", cached), func(t *testing.T) {
			t.Parallel()
			w := start(t, func(d *server.Deps, _ *redisdb.DB) {
				d.Gate = org.NewGate(d.DB, org.GateOptions{Cached: cached, Now: time.Now})
			})
			people := map[authz.Role]*client{authz.Admin: w.as(t, authz.Admin), authz.Dispatcher: w.as(t, authz.Dispatcher)}
			for _, tt := range gateCases() {
				w.stands(t, tt.billing)
				eventually(t, func() bool {
					return people[authz.Admin].call("GET", "/api/billing", nil).text("standing") == string(tt.billing.Standing)
				})
				for role, c := range people {
					eventually(t, func() bool {
						return statusFits(c.call("GET", "/api/bags", nil).status, tt.read) && statusFits(c.call("POST", "/api/scans", nil).status, tt.write)
					})
					for _, a := range asks() {
						t.Run(fmt.Sprintf("%s/%s/%s", tt.name, role, a.name), func(t *testing.T) {
							here := *c
							here.t = t
							holdAgainst(t, w, tt, role, a, a.by(&here))
						})
					}
				}
			}
		})
	}
}

// asks are a page, reads and writes, as HTML and as JSON. None of the writes would be accepted: the gate comes before what is
// wrong with them.
func asks() []ask {
	return []ask{
		{name: "page", path: "/bags", html: true},
		{name: "read", method: "GET", path: "/api/bags"},
		{name: "write", write: true, method: "POST", path: "/api/scans", body: `{"code":"?"}`},
		{name: "malformed write", write: true, method: "POST", path: "/api/scans", body: `{`},
		{name: "write as a form", write: true, method: "POST", path: "/bills", body: "number=", html: true},
	}
}

func statusFits(status, refusal int) bool {
	refused := status == http.StatusPaymentRequired || status == http.StatusForbidden
	return refusal == 0 && !refused || status == refusal
}

// holdAgainst compares an answer with what the standing allows.
func holdAgainst(t *testing.T, w *warehouse, tt gateCase, role authz.Role, a ask, got answer) {
	t.Helper()
	want := tt.read
	if a.write {
		want = tt.write
	}
	admin := fmt.Sprintf("admin%d", w.orgID)
	switch {
	case want == 0:
		if a.html && a.write && role == authz.Dispatcher { // billing is not for dispatchers, and that is another refusal
			want = http.StatusForbidden
		}
		if want == 0 && !statusFits(got.status, 0) || want != 0 && got.status != want || strings.Contains(got.raw, "organization_inactive") {
			t.Errorf("got %v", got)
		}
		if a.html && !a.write && (!strings.Contains(got.raw, tt.banner) || tt.banner == "" && strings.Contains(got.raw, "banner")) {
			t.Errorf("the banner %q is not right on %v", tt.banner, got)
		}
	case got.status != want:
		t.Errorf("got %v, want %d", got, want)
	case !a.html:
		if code := got.text("code"); code != map[int]string{402: "billing_required", 403: "organization_inactive"}[want] {
			t.Errorf("code %q", code)
		}
		if role != authz.Admin && !strings.Contains(got.text("detail"), admin) {
			t.Errorf("%q does not say whom to ask", got.text("detail"))
		}
	case role == authz.Admin:
		if !strings.Contains(got.raw, "<h1>Billing</h1>") {
			t.Errorf("an admin does not see the billing page: %v", got)
		}
	case !strings.Contains(got.raw, admin):
		t.Errorf("the page does not say whom to ask: %v", got)
	}
}

// eventually tries until something is true: changes are told in the background. How soon is the machine's affair.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come true within a minute")
		}
	}
}

// What is never gated: the bill itself, and the ways in and out.
func TestNobodyIsLockedInOrOut(t *testing.T) {
	t.Parallel()
	w := start(t)
	admin := w.as(t, authz.Admin)
	w.stands(t, org.Billing{Standing: org.Suspended})
	eventually(t, func() bool { return admin.call("GET", "/api/bags", nil).status == http.StatusForbidden })
	if a := admin.page("/billing"); a.status != http.StatusOK || !strings.Contains(a.raw, "Suspended") {
		t.Errorf("the billing page, suspended: %v", a)
	}
	// Wherever a browser is sent, it must arrive.
	follow := *admin.http
	follow.CheckRedirect = nil
	browser := &client{t: t, url: admin.url, http: &follow}
	for _, path := range []string{"/", "/billing", "/dashboard", "/bags", "/login"} {
		if a := browser.page(path); a.status >= 500 || !strings.Contains(a.raw, "<h1>") {
			t.Errorf("%s, suspended: %v", path, a)
		}
	}
	again := w.login(t, fmt.Sprintf("admin%d", w.orgID))
	again.want(again.call("POST", "/api/logout", nil), http.StatusNoContent, "")
	if a := admin.send("POST", "/logout", "", "", "text/html"); a.status != http.StatusSeeOther {
		t.Errorf("logging out, suspended: %v", a)
	}
}

// The gate cannot find out, and has nothing to remember: reads pass, writes stop, and nobody is told to pay.
func TestTheGateIsBroken(t *testing.T) {
	t.Parallel()
	w := start(t, func(d *server.Deps, _ *redisdb.DB) {
		d.Gate = org.NewGate(pgtest.Open(t, "postgres://nobody@127.0.0.1:1/none"), org.GateOptions{Cached: true, Now: time.Now})
	})
	for _, tt := range gateCases() {
		w.stands(t, tt.billing)
		c := w.as(t, authz.Admin)
		for _, a := range asks() {
			got := a.by(c)
			if want := map[bool]int{false: http.StatusOK, true: http.StatusServiceUnavailable}[a.write]; got.status != want {
				t.Errorf("%s, %s: %v, want %d", tt.name, a.name, got, want)
			}
		}
	}
}

// A change of standing is followed within a second on every instance, with Redis and without.
func TestAllInstancesFollowAChange(t *testing.T) {
	t.Parallel()
	for name, redis := range map[string]string{"with redis": pgtest.Redis(t), "without": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.redis = redis
			w.url = w.serve(t)
			first := w.as(t, authz.Dispatcher)
			second := *first
			second.url = w.serve(t)
			for _, c := range []*client{first, &second} {
				c.want(c.call("GET", "/api/bags", nil), http.StatusOK, "")
			}
			eventually(t, func() bool { // both listen
				var n int
				err := w.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'traitortrack listener' AND query = '-- ping'`).Scan(&n)
				return err == nil && n >= 3 // with the instance of start
			})
			follow := func(to org.Standing, status int) time.Duration {
				changed := time.Now()
				w.stands(t, org.Billing{Standing: to})
				for _, c := range []*client{first, &second} {
					eventually(t, func() bool { return c.call("GET", "/api/bags", nil).status == status })
				}
				return time.Since(changed)
			}
			took := time.Hour
			for tries := 0; took > time.Second && tries < 5; tries++ { // a busy machine may be late, and is not each time
				if took = max(follow(org.Suspended, http.StatusForbidden), follow(org.Active, http.StatusOK)); took > 10*time.Second {
					break // and never so late: it is what is remembered that has run out
				}
			}
			if took > time.Second {
				t.Errorf("a change was followed after %v", took)
			}
		})
	}
}

func TestBillingIsForAdmins(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.as(t, authz.Dispatcher)
	c.want(c.call("GET", "/api/billing", nil), http.StatusForbidden, "forbidden")
	if a := c.page("/billing"); a.status != http.StatusForbidden {
		t.Errorf("got %v", a)
	}
}
