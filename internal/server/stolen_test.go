package server_test

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// TestAStolenCookieDies takes a cookie before each of the things that end a session, and uses it afterwards, on another
// instance.
func TestAStolenCookieDies(t *testing.T) {
	t.Parallel()
	w := start(t)
	other := w.serve(t)
	for name, end := range map[string]func(c *client) answer{
		"logout":        func(c *client) answer { return c.call("POST", "/api/logout", nil) },
		"logout's page": func(c *client) answer { return c.form("/logout", nil) },
		"a new password": func(c *client) answer {
			return c.call("POST", "/api/account/password", map[string]any{"password": password, "new_password": "quiet river stones"})
		},
		"the end of all":    func(c *client) answer { return c.call("DELETE", "/api/account/sessions", nil) },
		"the end by a page": func(c *client) answer { return c.form("/account/sessions/end", nil) },
		"the next login": func(c *client) answer {
			return c.call("POST", "/api/login", map[string]any{"username": "biller" + w.name(), "password": password})
		},
	} {
		user := strings.ReplaceAll(strings.ReplaceAll(name, " ", ""), "'", "")
		w.newUser(t, w.orgID, user, authz.Biller, "")
		c := w.login(t, user)
		thief := w.stolen(t, c.cookies())
		there := w.stolen(t, c.cookies())
		there.url = other
		thief.want(thief.call("GET", "/api/bags", nil), 200, "")
		there.want(there.call("GET", "/api/bags", nil), 200, "")
		if a := end(c); a.status >= 400 {
			t.Fatalf("%s: %v", name, a)
		}
		if a := thief.call("GET", "/api/bags", nil); a.status != 401 {
			t.Errorf("a cookie from before %s: %v", name, a)
		}
		eventually(t, func() bool { return there.call("GET", "/api/bags", nil).status == 401 })
	}
}

// TestOneSessionEndsAnother lists the sessions of somebody with two browsers, and ends one from the other.
func TestOneSessionEndsAnother(t *testing.T) {
	t.Parallel()
	w := start(t)
	desk, phone, foe := w.as(t, authz.Biller), w.as(t, authz.Biller), w.as(t, authz.Admin)
	var others []string
	for _, item := range desk.call("GET", "/api/account/sessions", nil).body["items"].([]any) {
		if one := item.(map[string]any); one["present"] == false {
			others = append(others, one["id"].(string))
		}
	}
	if len(others) != 1 {
		t.Fatalf("%d sessions beside the one that asks", len(others))
	}
	foe.want(foe.call("DELETE", "/api/account/sessions/"+others[0], nil), 404, "session_not_found")
	phone.want(phone.call("GET", "/api/bags", nil), 200, "")
	desk.want(desk.call("DELETE", "/api/account/sessions/"+others[0], nil), 204, "")
	desk.want(desk.call("DELETE", "/api/account/sessions/"+others[0], nil), 404, "session_not_found")
	phone.want(phone.call("GET", "/api/bags", nil), 401, "unauthenticated")
	desk.want(desk.call("GET", "/api/bags", nil), 200, "")
	desk.leads(desk.form("/account/sessions/"+others[0]+"/end", nil), "/account?done=session")
}

// TestASessionIsNotFixed logs in with a browser into which somebody has put a token that they know.
func TestASessionIsNotFixed(t *testing.T) {
	t.Parallel()
	w := start(t)
	home, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	recovery, _ := enrolled(t, w)
	made := []*http.Cookie{{Name: "traitortrack_session", Value: strings.Repeat("A", 43), Path: "/"}}
	half := w.stranger(t) // somebody who knows the password of the biller, and not their code
	half.form("/login", url.Values{"username": {"biller" + w.name()}, "password": {password}})
	for name, planted := range map[string][]*http.Cookie{"made up": made, "half a login": half.cookies()} {
		victim := w.stranger(t)
		home.Host = strings.TrimPrefix(w.url, "http://")
		victim.http.Jar.SetCookies(home, planted)
		victim.form("/login", url.Values{"username": {"dispatcher" + w.name()}, "password": {password}})
		victim.want(victim.call("GET", "/api/bags", nil), 200, "")
		if victim.cookies()[0].Value == planted[0].Value {
			t.Errorf("%s: the victim's token is the planted one", name)
		}
		w.stale(t, planted, name)
	}
	if a := half.form("/login/2fa", url.Values{"code": {recovery[0]}}); a.header.Get("Location") != "/login" {
		t.Errorf("half a login outlives a login in its place: %v to %q", a, a.header.Get("Location"))
	}
}

// TestADemotionIsKnownWithinASecond has another admin demote one on one instance, and takes their cookie to both.
func TestADemotionIsKnownWithinASecond(t *testing.T) {
	t.Parallel()
	clock := &hands{at: time.Now()}
	w := start(t, clocked(t, clock, false))
	admin := w.as(t, authz.Admin)
	w.newUser(t, w.orgID, "head"+w.name(), authz.Admin, "")
	head, there := w.login(t, "head"+w.name()), w.stolen(t, admin.cookies())
	there.url = w.serve(t, clocked(t, clock, false))
	there.want(there.call("GET", "/api/settings", nil), 200, "")
	admin.want(admin.call("GET", "/api/settings", nil), 200, "")
	head.want(head.call("PATCH", "/api/users/admin"+w.name(), map[string]any{"role": "dispatcher"}), 200, "")
	clock.advance(time.Second)
	for _, c := range []*client{there, admin} {
		eventually(t, func() bool { return c.call("GET", "/api/settings", nil).status != 200 })
	}
}

// TestALogoutWhileRedisHangsIsALogout stops Redis while it holds a copy of a session, logs out, and lets Redis go on.
func TestALogoutWhileRedisHangsIsALogout(t *testing.T) {
	t.Parallel()
	w := start(t)
	address, process := pgtest.OwnRedis(t)
	w.redis = address
	inMemory := func(d *server.Deps, _ *redisdb.DB) { d.Limits = ratelimit.New(nil, generous()) } // nothing else waits for this Redis
	w.url = w.serve(t, inMemory)
	c := w.as(t, authz.Dispatcher)
	other := w.stolen(t, c.cookies())
	urls := []string{w.url, w.serve(t, inMemory)}
	eventually(t, func() bool { // a copy is in Redis once the generation is known
		c.want(c.call("GET", "/api/bags", nil), 200, "")
		return copies(t, address) > 0
	})
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	out := c.call("POST", "/api/logout", nil)
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	c.want(out, 204, "")
	for _, url := range urls { // which takes a second at most, and as long as the machine needs for it
		other.url = url
		eventuallyRefused(t, other)
	}
	for n := range 40 {
		other.url = urls[n%2]
		if a := other.call("GET", "/api/bags", nil); a.status != 401 {
			t.Fatalf("after Redis went on, with %d copies in it: %v", copies(t, address), a)
		}
		time.Sleep(25 * time.Millisecond)
	}
	if copies(t, address) == 0 {
		t.Error("Redis has forgotten the copy: this proves nothing")
	}
}

// copies counts the sessions in a Redis.
func copies(t *testing.T, address string) int {
	t.Helper()
	redis, err := redisdb.OpenPatient(address, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redis.Close() }()
	n := 0
	err = redis.Do(t.Context(), func(ctx context.Context, c redisdb.Commands) error {
		keys, err := c.Keys(ctx, "traitortrack:session:*").Result()
		n = len(keys)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAFieldTooMuchChangesNothing sends what a body does not have, such as a role.
func TestAFieldTooMuchChangesNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.as(t, authz.Dispatcher)
	for path, body := range map[string]map[string]any{
		"/api/login":               {"username": "dispatcher" + w.name(), "password": password, "role": "admin"},
		"/api/account/password":    {"password": password, "new_password": "quiet river stones", "role": "admin"},
		"/api/account/tokens":      {"name": "x", "scopes": []string{"read"}, "days": 1, "user_id": 1},
		"/api/account/2fa/off":     {"password": password, "code": "123456", "confirmed": false},
		"/api/account/2fa/confirm": {"code": "123456", "Code": "654321"},
	} {
		c.want(c.call("POST", path, body), 400, "malformed")
	}
	if got := c.call("GET", "/api/account", nil).text("role"); got != "dispatcher" {
		t.Errorf("the role is %s", got)
	}
	w.as(t, authz.Dispatcher) // with the password as it was
}

// TestACodeIsGoodOnceByTheAPI logs in with the code of an app, and with a recovery code, twice each.
func TestACodeIsGoodOnceByTheAPI(t *testing.T) {
	t.Parallel()
	clock := &hands{at: time.Now()}
	w := start(t, clocked(t, clock, false), func(d *server.Deps, redis *redisdb.DB) {
		o := generous()
		o.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} // five codes a minute are too few here
		d.Limits = ratelimit.New(redis, o)
	})
	c := w.as(t, authz.Biller)
	secret := c.call("POST", "/api/account/2fa", nil).text("secret")
	login := func(code string) answer {
		return w.stranger(t).call("POST", "/api/login", map[string]any{"username": "biller" + w.name(), "password": password, "code": code})
	}
	c.want(c.call("POST", "/api/account/2fa/confirm", map[string]any{"code": "12 34"}), 401, "invalid_totp")
	done := c.call("POST", "/api/account/2fa/confirm", map[string]any{"code": appCode(t, secret, clock.now())})
	c.want(done, 200, "")
	c.want(login(""), 401, "totp_required")
	c.want(login(appCode(t, secret, clock.now())), 401, "invalid_totp") // it turned two-factor login on
	clock.advance(30 * time.Second)
	c.want(login(appCode(t, secret, clock.now())), 200, "")
	c.want(login(appCode(t, secret, clock.now())), 401, "invalid_totp")
	recovery := done.body["recovery_codes"].([]any)[7].(string)
	c.want(login(recovery), 200, "")
	c.want(login(recovery), 401, "invalid_totp")
	if left := c.call("GET", "/api/account", nil).body["two_factor"].(map[string]any)["recovery_codes_left"]; left != 9.0 {
		t.Errorf("%v recovery codes are left", left)
	}
	clock.advance(30 * time.Second)
	c.want(c.call("POST", "/api/account/2fa/off", map[string]any{"password": password, "code": appCode(t, secret, clock.now())}), 204, "")
	c.want(login(""), 200, "")
}
