package server_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// limited gives what a server is to be changed to: it has these limits, and believes the tests about addresses.
func limited(o ratelimit.Options) func(*server.Deps, *redisdb.DB) {
	return func(d *server.Deps, redis *redisdb.DB) {
		d.Limits = ratelimit.New(redis, o)
		d.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
}

// usual are the limits as they are outside of tests.
func usual() ratelimit.Options {
	return ratelimit.Options{Login: ratelimit.Rate{Count: 10, Per: time.Hour}, // not a minute: a test must not depend on where a window begins
		API: ratelimit.Rate{Count: 6000, Per: time.Minute}, Default: ratelimit.Rate{Count: 600, Per: time.Minute}}
}

// from sends a login from an address, as a page's form or as JSON.
func (c *client) from(address, form, name, secret string) answer {
	c.t.Helper()
	if form == "page" {
		body := "username=" + name + "&password=" + strings.ReplaceAll(secret, " ", "+")
		return c.sendFrom(address, "POST", "/login", body, "application/x-www-form-urlencoded", "text/html")
	}
	return c.sendFrom(address, "POST", "/api/login", fmt.Sprintf(`{"username":%q,"password":%q}`, name, secret), "application/json", "application/json")
}

// sendFrom is send through a proxy that says which address asks.
func (c *client) sendFrom(address, method, path, body, contentType, accept string) answer {
	c.t.Helper()
	said := *c.http
	said.Transport = forwarded{address}
	old := c.http
	c.http = &said
	defer func() { c.http = old }()
	return c.send(method, path, body, contentType, accept)
}

// forwarded adds what a proxy says of its client.
type forwarded struct{ address string }

// RoundTrip sends one request.
func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.address)
	return http.DefaultTransport.RoundTrip(r)
}

// elsewhere says of each request that another site has made it.
type elsewhere struct{}

// RoundTrip sends one request.
func (elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return http.DefaultTransport.RoundTrip(r)
}

// acrossSites logs in as a page of another site would.
func (c *client) acrossSites() answer {
	c.t.Helper()
	with := *c.http
	with.Transport = elsewhere{}
	return (&client{t: c.t, url: c.url, http: &with}).call("POST", "/api/login", map[string]any{"username": "x", "password": "x"})
}

func TestTheEleventhFailureIsRefused(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.redis, _ = pgtest.OwnRedis(t)
	first, second := w.serve(t, limited(usual())), w.serve(t, limited(usual()))
	for i, form := range []string{"json", "page"} {
		c := w.stranger(t)
		address := fmt.Sprintf("203.0.113.%d", 10+i)
		for n := range 10 { // under ten names, on two instances by turns
			c.url = []string{first, second}[n%2]
			a := c.from(address, form, fmt.Sprintf("nobody-%s-%d", form, n), "wrong password")
			if a.status != http.StatusUnauthorized || a.header.Get("X-RateLimit-Limit") != "10" || a.header.Get("X-RateLimit-Remaining") != strconv.Itoa(9-n) {
				t.Fatalf("%s: failure %d: %v %v", form, n+1, a, a.header)
			}
		}
		a := c.from(address, form, "nobody-at-all", "wrong password")
		c.want(a, http.StatusTooManyRequests, map[string]string{"json": "rate_limited"}[form])
		if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 {
			t.Errorf("%s: Retry-After %q", form, a.header.Get("Retry-After"))
		}
		if form == "page" && (!strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.Contains(a.raw, "too often")) {
			t.Errorf("not a page: %v", a)
		}
		if a := c.from(address, form, fmt.Sprintf("dispatcher%d", w.orgID), password); a.status != http.StatusTooManyRequests {
			t.Errorf("%s: the right password after ten wrong ones: %v", form, a)
		}
		if a := c.from("203.0.113.99", form, fmt.Sprintf("dispatcher%d", w.orgID), password); a.status >= 400 {
			t.Errorf("%s: from another address: %v", form, a)
		}
	}
}

func TestTenFailuresOfOneName(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.redis, _ = pgtest.OwnRedis(t)
	c := w.stranger(t)
	c.url = w.serve(t, limited(usual()))
	for n := range 10 {
		if a := c.from(fmt.Sprintf("203.0.113.%d", n), "json", "Nobody", "wrong password"); a.status == http.StatusTooManyRequests {
			t.Fatalf("failure %d: %v", n+1, a)
		}
	}
	c.want(c.from("203.0.113.77", "json", " nobody", "wrong password"), http.StatusTooManyRequests, "rate_limited")
	if a := c.from("203.0.113.77", "json", "somebody", "wrong password"); a.status != http.StatusUnauthorized {
		t.Errorf("another name: %v", a)
	}
}

// A code of six digits is soon guessed by whoever may try often.
func TestFiveCodesAMinute(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.redis, _ = pgtest.OwnRedis(t)
	c := w.stranger(t)
	c.url = w.serve(t, limited(usual()))
	tried := 0
	for refused := false; !refused; tried++ {
		a := c.sendFrom(fmt.Sprintf("203.0.113.%d", tried), "POST", "/api/login", fmt.Sprintf(`{"username":"admin%d","password":%q,"code":"%06d"}`, w.orgID, "wrong password", tried), "application/json", "application/json")
		refused = a.status == http.StatusTooManyRequests
	}
	if tried < 6 || tried > 10 { // the sixth, or a later one where a minute has passed meanwhile; from the eleventh failure on, nothing is heard
		t.Errorf("the first code that was refused was number %d", tried)
	}
}

// A shift comes to work behind one address.
func TestSuccessesDoNotCount(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.redis, _ = pgtest.OwnRedis(t)
	url := w.serve(t, limited(usual()))
	for range 25 {
		c := w.stranger(t)
		c.url = url
		a := c.from("203.0.113.5", "json", fmt.Sprintf("dispatcher%d", w.orgID), password)
		if a.status != http.StatusOK || a.header.Get("X-RateLimit-Remaining") != "10" {
			t.Fatalf("%v, %s remaining", a, a.header.Get("X-RateLimit-Remaining"))
		}
	}
}

func TestEveryAnswerOfALoginTellsItsLimit(t *testing.T) {
	t.Parallel()
	w := build(t)
	c := w.stranger(t)
	c.url = w.serve(t, limited(usual()))
	asked := time.Now().Truncate(time.Second)
	for name, a := range map[string]answer{
		"the form":   c.page("/login"),
		"malformed":  c.send("POST", "/api/login", "{", "application/json", "application/json"),
		"empty":      c.send("POST", "/login", "", "application/x-www-form-urlencoded", "text/html"),
		"cross-site": c.acrossSites(),
		"a success":  c.from("203.0.113.8", "json", fmt.Sprintf("biller%d", w.orgID), password),
	} {
		reset, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64)
		if a.header.Get("X-RateLimit-Limit") != "10" || a.header.Get("X-RateLimit-Remaining") == "" || err != nil || time.Unix(reset, 0).Before(asked) {
			t.Errorf("%s: %v", name, a.header)
		}
	}
}

func TestRequestsAreCountedByUserAndByAddress(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.redis, _ = pgtest.OwnRedis(t)
	o := usual()
	o.API, o.Default = ratelimit.Rate{Count: 20, Per: time.Hour}, ratelimit.Rate{Count: 5, Per: time.Hour}
	url := w.serve(t, limited(o))
	dispatcher, biller := w.stranger(t), w.stranger(t)
	for role, c := range map[authz.Role]*client{authz.Dispatcher: dispatcher, authz.Biller: biller} {
		c.url = url
		c.want(c.from("203.0.113.1", "json", fmt.Sprintf("%s%d", role, w.orgID), password), http.StatusOK, "")
	}
	for n := range 20 {
		dispatcher.want(dispatcher.sendFrom(fmt.Sprintf("203.0.113.%d", n), "GET", "/api/bags", "", "", "application/json"), http.StatusOK, "")
	}
	dispatcher.want(dispatcher.call("GET", "/api/bags", nil), http.StatusTooManyRequests, "rate_limited")
	if a := dispatcher.page("/bags"); a.status != http.StatusTooManyRequests || !strings.Contains(a.raw, "Too often") {
		t.Errorf("the page of a limit: %v", a)
	}
	biller.want(biller.call("GET", "/api/bags", nil), http.StatusOK, "")

	stranger := w.stranger(t)
	stranger.url = url
	for n := range 5 { // each an address of its own in one /64
		stranger.want(stranger.sendFrom(fmt.Sprintf("2001:db8::%d", n), "GET", "/api/bags", "", "", "application/json"), http.StatusUnauthorized, "")
	}
	stranger.want(stranger.sendFrom("2001:db8::ffff:1", "GET", "/api/bags", "", "", "application/json"), http.StatusTooManyRequests, "rate_limited")
	stranger.want(stranger.sendFrom("2001:db8:0:1::1", "GET", "/api/bags", "", "", "application/json"), http.StatusUnauthorized, "")
	for range 20 { // a load balancer asks often
		stranger.want(stranger.sendFrom("2001:db8::1", "GET", "/health", "", "", "application/json"), http.StatusOK, "")
	}
}

func TestExemptAddressesAreToldTheirLimits(t *testing.T) {
	t.Parallel()
	w := build(t)
	o := usual()
	o.Default = ratelimit.Rate{Count: 2, Per: time.Hour}
	o.Exempt = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	c := w.stranger(t)
	c.url = w.serve(t, limited(o))
	for n := range 15 {
		a := c.from("203.0.113.4", "json", fmt.Sprintf("exempt-%d", n), "wrong password")
		if a.status != http.StatusUnauthorized || a.header.Get("X-RateLimit-Remaining") != "10" {
			t.Fatalf("failure %d: %v %v", n+1, a, a.header)
		}
	}
}

// Whoever is no proxy of ours may write into X-Forwarded-For what they like.
func TestForwardedByAStranger(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.redis, _ = pgtest.OwnRedis(t)
	o := usual()
	o.Default = ratelimit.Rate{Count: 5, Per: time.Hour}
	c := w.stranger(t)
	c.url = w.serve(t, limited(o), func(d *server.Deps, _ *redisdb.DB) { d.TrustedProxies = nil })
	for n := range 5 {
		c.sendFrom(fmt.Sprintf("203.0.113.%d", n), "GET", "/api/bags", "", "", "application/json")
	}
	c.want(c.sendFrom("203.0.113.200", "GET", "/api/bags", "", "", "application/json"), http.StatusTooManyRequests, "rate_limited")
}

// While Redis hangs, requests are still limited, and hardly later than before: one of them waits for Redis.
func TestLimitsWhileRedisHangs(t *testing.T) {
	t.Parallel()
	w := build(t)
	url, process := pgtest.OwnRedis(t)
	w.redis = url
	var fallbacks atomic.Int64
	o := usual()
	o.Default = ratelimit.Rate{Count: 40, Per: time.Hour}
	o.Observe = func(_ ratelimit.Class, outcome ratelimit.Outcome) {
		if outcome == ratelimit.Fallback {
			fallbacks.Add(1)
		}
	}
	c := w.stranger(t)
	redis, err := redisdb.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	c.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) { d.Limits = ratelimit.New(redis, o) })
	ask := func(times int) (int, time.Duration) {
		refused, took := 0, []time.Duration{}
		for range times {
			began := time.Now()
			if c.call("GET", "/api/bags", nil).status == http.StatusTooManyRequests {
				refused++
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return refused, took[times/2]
	}
	_, before := ask(20)
	fallbacks.Store(0)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	refused, median := ask(60)
	if median > before+12*time.Millisecond && median > 2*before { // waiting for Redis takes 25 ms
		t.Errorf("half of 60 requests took more than %v, and %v before", median, before)
	}
	if refused < 19 || fallbacks.Load() < 59 {
		t.Errorf("%d of 60 were refused over a limit of 40, %d counted in memory", refused, fallbacks.Load())
	}
}
