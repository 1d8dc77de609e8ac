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
	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
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
}

// start starts a warehouse. Everything ends with the test.
func start(t *testing.T) *warehouse {
	t.Helper()
	database := pgtest.URL(t)
	w := &warehouse{database: database, redis: pgtest.Redis(t), db: pgtest.Open(t, database)}
	w.orgID = w.newOrg(t, "Warehouse")
	w.url = w.serve(t)
	return w
}

// generous are limits that no test reaches by chance.
func generous() ratelimit.Options {
	often := ratelimit.Rate{Count: 1_000_000, Per: time.Minute}
	return ratelimit.Options{Login: often, API: often, Default: often}
}

// serve starts one more instance of the server on the warehouse's database, and gives its address. What stands in change
// is done to what it stands on.
func (w *warehouse) serve(t *testing.T, change ...func(*server.Deps, *redisdb.DB)) string {
	t.Helper()
	db := pgtest.Open(t, w.database)
	redis, err := redisdb.Open(w.redis)
	if err != nil {
		t.Fatal(err)
	}
	orgs := org.NewStore(db, 50*time.Millisecond, time.Now)
	deps := server.Deps{
		DB: db, Orgs: orgs,
		Accounts:  account.NewStore(db, time.Now),
		Bags:      bag.NewStore(db, orgs, time.Now),
		Bills:     bill.NewStore(db, orgs, time.Now),
		Reports:   report.NewStore(db, orgs, 50*time.Millisecond, time.Now),
		Sessions:  session.NewSessions(db, redis, time.Now),
		Prober:    server.NewProber(w.database, db, redis, time.Now),
		Limits:    ratelimit.New(redis, generous()),
		Gate:      org.NewGate(db, org.GateOptions{Cached: true, Now: time.Now}),
		Templates: web.Templates, Dist: assets(), Log: slog.New(slog.NewTextHandler(testLog{t}, nil)), Now: time.Now,
	}
	for _, c := range change {
		c(&deps, redis)
	}
	s, err := server.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{deps.Sessions.Run, deps.Prober.Run, w.watch(redis, deps).Run, s.RunLive} {
		running.Go(func() { _ = run(ctx) })
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(func() { h.Close(); cancel(); running.Wait(); _ = redis.Close() })
	return h.URL
}

// watch makes an instance hear of changes to organizations.
func (w *warehouse) watch(redis *redisdb.DB, d server.Deps) *org.Watch {
	return org.NewWatch(w.database, redis, d.Gate.Forget, d.Orgs.Forget)
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

func (w *warehouse) newUser(t *testing.T, orgID int64, name string, role authz.Role, area string) {
	t.Helper()
	err := w.db.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := account.Create(t.Context(), tx, account.NewUser{OrgID: orgID, Username: name, Role: role, Area: area, Password: password})
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
