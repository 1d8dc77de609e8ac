package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/health"
	"traitortrack/internal/notify"
	"traitortrack/internal/obs"
	"traitortrack/internal/org"
	"traitortrack/internal/people"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/pool"
	"traitortrack/internal/privacy"
	"traitortrack/internal/promotion"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/report"
	"traitortrack/internal/server"
	"traitortrack/internal/session"
	"traitortrack/web"
)

// password is everybody's in the tests.
const password = "seven green bags"

// warehouse is a running server on a database of its own, with an organization and one user of each role, whose names
// are their roles with the organization's number behind: dispatcher1, biller1, admin1.
type warehouse struct {
	url      string // of the server
	database string // address of the database
	redis    string // address of the Redis that all instances share
	db       *pg.DB
	orgID    int64
	beat     time.Duration // how often a stream shows that it still is there; zero leaves it as it is outside of tests
}

// start starts a warehouse, on what stands in change. Everything ends with the test.
func start(t *testing.T, change ...func(*server.Deps, *redisdb.DB)) *warehouse {
	t.Helper()
	w := build(t)
	w.url = w.serve(t, change...)
	return w
}

// build makes a warehouse that nobody serves yet.
func build(t *testing.T) *warehouse {
	t.Helper()
	database := pgtest.URL(t)
	w := &warehouse{database: database, redis: pgtest.Redis(t), db: pgtest.Open(t, database)}
	w.orgID = w.newOrg(t, "Warehouse")
	return w
}

// generous are limits that no test reaches by chance.
func generous() ratelimit.Options {
	often := ratelimit.Rate{Count: 1_000_000, Per: time.Minute}
	return ratelimit.Options{Login: often, API: often, Default: often}
}

// serve starts one more instance of the server on the warehouse's database, and gives its address. What stands in change
// is done to what it stands on, with a Redis that has time: limits that a busy machine made count in memory would count less.
func (w *warehouse) serve(t *testing.T, change ...func(*server.Deps, *redisdb.DB)) string {
	t.Helper()
	db := pgtest.Open(t, w.database)
	redis, err := redisdb.Open(w.redis)
	if err != nil {
		t.Fatal(err)
	}
	patient, err := redisdb.OpenPatient(w.redis, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	orgs := org.NewStore(db, 50*time.Millisecond, time.Now)
	accounts := account.NewStore(db, time.Now)
	deps := server.Deps{
		DB: db, Orgs: orgs,
		Accounts:   accounts,
		People:     people.NewStore(db, accounts, time.Now),
		Bags:       bag.NewStore(db, orgs, time.Now),
		Bills:      bill.NewStore(db, orgs, time.Now),
		Audit:      audit.NewLog(db),
		Privacy:    privacy.NewStore(db, time.Now),
		Reports:    report.NewStore(db, orgs, 50*time.Millisecond, time.Now),
		Promotions: promotion.NewStore(db, time.Now),
		Notices:    notify.NewStore(db, time.Now),
		Sessions:   session.NewSessions(db, redis, time.Now),
		Prober:     server.NewProber(db, redis, time.Now),
		Limits:     ratelimit.New(patient, generous()),
		Gate:       org.NewGate(db, org.GateOptions{Cached: true, Now: time.Now}),
		Templates:  web.Templates, Dist: assets(), Log: slog.New(slog.NewTextHandler(testLog{t}, nil)), Now: time.Now,
	}
	deps.Pool, deps.Backends, deps.System = watchPool(db), pool.NewBackends(db, pool.Long), health.NewMonitor(health.Sources{Now: time.Now})
	for _, c := range change {
		c(&deps, patient)
	}
	s, err := server.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	if w.beat > 0 {
		s.Beat(w.beat)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	listener, watch := w.hears(redis, deps)
	for _, run := range []func(context.Context) error{deps.Sessions.Run, deps.Prober.Run, listener.Run, watch.Run, s.RunLive} {
		running.Go(func() { _ = run(ctx) })
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(func() { h.Close(); cancel(); running.Wait(); _, _ = redis.Close(), patient.Close() })
	return h.URL
}

// watchPool makes a watch over a pool, which nobody runs.
func watchPool(db *pg.DB) *pool.Watch {
	m := obs.NewMetrics()
	db.Measure(m, pool.Primary, 20)
	return pool.NewWatch(pool.Options{Read: m.Read, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
}

// hears makes an instance hear of changes to organizations and users.
func (w *warehouse) hears(redis *redisdb.DB, d server.Deps) (*pg.Listener, *org.Watch) {
	listener := pg.NewListener(w.database)
	d.Accounts.Hear(listener)
	return listener, org.NewWatch(listener, redis, d.Gate.Forget, d.Orgs.Forget)
}

// testLog writes what the server logs into the test's own log.
type testLog struct{ t *testing.T }

// Write writes one line.
func (l testLog) Write(line []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}

// assets stand in for the built ones, which these tests do not look at.
func assets() fstest.MapFS {
	names := map[string]string{}
	files := fstest.MapFS{}
	for _, name := range []string{"app.css", "app.js", "scan.js", "bill.js", "icons.svg", "favicon.svg", "manifest.webmanifest"} {
		names[name] = name
		files["dist/"+name] = &fstest.MapFile{Data: []byte("/* " + name + " */")}
	}
	manifest, _ := json.Marshal(names) // a map of texts always can be
	files["dist/manifest.json"] = &fstest.MapFile{Data: manifest}
	return files
}

// newOrg makes an organization with a user of each role.
func (w *warehouse) newOrg(t *testing.T, name string) int64 {
	t.Helper()
	var id int64
	err := w.db.Tx(t.Context(), func(tx pgx.Tx) error {
		var err error
		id, err = org.Create(t.Context(), tx, name, "Asia/Kolkata")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []authz.Role{authz.Dispatcher, authz.Biller, authz.Admin} {
		w.newUser(t, id, fmt.Sprintf("%s%d", role, id), role, "")
	}
	return id
}

// theHash is everybody's: hashing it for each user would be much of what the tests compute.
var theHash = sync.OnceValue(func() string { return account.HashPassword(password) })

func (w *warehouse) newUser(t *testing.T, orgID int64, name string, role authz.Role, area string) {
	t.Helper()
	err := w.db.Tx(t.Context(), func(tx pgx.Tx) error {
		id, err := account.Invite(t.Context(), tx, authz.Actor{OrgID: orgID}, account.NewUser{Username: name, Role: role, Area: area})
		if err == nil {
			_, err = tx.Exec(t.Context(), `UPDATE "user" SET password_hash = $1 WHERE id = $2`, theHash(), id)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// name ends the names of the first organization's users.
func (w *warehouse) name() string { return orgName(w.orgID) }

func orgName(id int64) string { return strconv.FormatInt(id, 10) }

// client is somebody at one instance of the server.
type client struct {
	t    *testing.T
	url  string
	http *http.Client
}

// stranger is a client that has not logged in. It does not follow redirects.
func (w *warehouse) stranger(t *testing.T) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{t: t, url: w.url, http: &http.Client{Jar: jar, CheckRedirect: stay, Timeout: time.Minute}}
}

// as logs in as the user of a role in the first organization.
func (w *warehouse) as(t *testing.T, role authz.Role) *client {
	t.Helper()
	return w.login(t, fmt.Sprintf("%s%d", role, w.orgID))
}

func (w *warehouse) login(t *testing.T, name string) *client {
	t.Helper()
	c := w.stranger(t)
	if a := c.call("POST", "/api/login", map[string]any{"username": name, "password": password}); a.status != http.StatusOK {
		t.Fatalf("login of %s: %v", name, a)
	}
	return c
}

// answer is what came back: the status, the headers, and the body raw and as JSON where it is an object.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// String gives an answer for a test's message.
func (a answer) String() string { return fmt.Sprintf("%d %.400s", a.status, a.raw) }

// text gives a member of the body as text, or what stands there.
func (a answer) text(name string) string {
	text, ok := a.body[name].(string)
	if !ok {
		return fmt.Sprint(a.body[name])
	}
	return text
}

// call sends JSON and reads the answer.
func (c *client) call(method, path string, body any) answer {
	c.t.Helper()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			c.t.Fatal(err)
		}
	}
	return c.send(method, path, string(raw), "application/json", "application/json")
}

// send sends a body as it is.
func (c *client) send(method, path, body, contentType, accept string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Accept", accept)
	response, err := c.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	documented(c.t, r, response.StatusCode, response.Header, read)
	a := answer{status: response.StatusCode, header: response.Header, raw: string(read)}
	_ = json.Unmarshal(read, &a.body) // pages are no JSON
	return a
}

// page asks for a page, as a browser does.
func (c *client) page(path string) answer {
	c.t.Helper()
	return c.send("GET", path, "", "", "text/html")
}

// want fails the test unless the answer has a status and, where one is given, an outcome or a refusal's code.
func (c *client) want(a answer, status int, code string) {
	c.t.Helper()
	got := a.text("code")
	if a.status == http.StatusOK && a.body["outcome"] != nil {
		got = a.text("outcome")
	}
	if a.status != status || code != "" && got != code {
		c.t.Errorf("got %v, want %d %s", a, status, code)
	}
}
