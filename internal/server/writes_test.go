package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/notify"
	"traitortrack/internal/obs"
	"traitortrack/internal/pool"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// write is a request that a route answers by changing something.
type write struct {
	leaves string // the action of the row that it leaves in the audit log; aScan, or nothing
	do     func(s *scene) answer
}

// Two writes leave no row in the audit log: a scan, whose own row is its record, and what changes nothing that anybody
// could ask about later.
const (
	aScan   = "a row of scan"
	nothing = "nothing"
)

// TestEveryWriteLeavesARow walks the router's own table: every route that is no GET has to be among writes(), and what it
// does there has to leave its row, with who did it.
func TestEveryWriteLeavesARow(t *testing.T) {
	t.Parallel()
	s := setScene(t)
	all := writes()
	for _, rt := range server.RouteTable() {
		if rt.Method == http.MethodGet {
			continue
		}
		route := rt.Method + " " + rt.Pattern
		w, known := all[route]
		if !known {
			t.Errorf("%s is not driven: add it to writes() in writes_test.go, with a request that it accepts and the action of the audit row that this leaves", route)
			continue
		}
		delete(all, route)
		s.drive(route, w)
	}
	for route := range all {
		t.Errorf("writes() has %s, which is not in the table of routes any more: take it out", route)
	}
	s.keptToThemselves(40)
}

// TestEveryRefusedEntryLeavesARow tries to get in as attackers do.
func TestEveryRefusedEntryLeavesARow(t *testing.T) {
	t.Parallel()
	s := setScene(t)
	for what, w := range refusals() {
		s.drive(what, w)
	}
	s.keptToThemselves(0)
}

// drive makes a request, and looks for what it has left.
func (s *scene) drive(route string, w write) {
	s.t.Helper()
	s.prepared = func() {}
	newest, scans := s.newest()
	s.prepared = func() { newest, scans = s.newest() }
	a := w.do(s)
	s.heard(route, a)
	if strings.HasPrefix(route, "refused:") != (a.status >= 400) {
		s.t.Errorf("%s: %v", route, a)
		return
	}
	actions := s.since(newest)
	if _, scansNow := s.newest(); w.leaves == aScan && scansNow == scans {
		s.t.Errorf("%s has left no scan", route)
	}
	if w.leaves != aScan && w.leaves != nothing && !slices.Contains(actions, w.leaves) {
		s.t.Errorf("%s has left %q in the audit log, and not %s: its verb has to call audit.Record in its transaction", route, actions, w.leaves)
	}
	if w.leaves == nothing && len(actions) > 0 {
		s.t.Errorf("%s leaves %q in the audit log: name it in writes()", route, actions)
	}
}

// newest gives the newest row of the audit log, and how many scans there are.
func (s *scene) newest() (int64, int) {
	s.t.Helper()
	var id int64
	var scans int
	if err := s.w.db.Pool().QueryRow(s.t.Context(), `SELECT coalesce(max(id), 0), (SELECT count(*) FROM scan) FROM sealed.audit_log`).Scan(&id, &scans); err != nil {
		s.t.Fatal(err)
	}
	return id, scans
}

// since gives the actions of the rows after one. Each has to name its organization, and whoever is known.
func (s *scene) since(id int64) []string {
	s.t.Helper()
	rows, err := s.w.db.Pool().Query(s.t.Context(), `SELECT action, user_id IS NOT NULL OR entity_type = 'user', request_id <> '' FROM sealed.audit_log WHERE id > $1 ORDER BY id`, id)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	var actions []string
	for rows.Next() {
		var action string
		var who, request bool
		if err := rows.Scan(&action, &who, &request); err != nil {
			s.t.Fatal(err)
		}
		if !who || !request {
			s.t.Errorf("%s does not say who did it, or in which request", action)
		}
		actions = append(actions, action)
	}
	return actions
}

// scene is a warehouse with everybody in it, and a source of fresh bags, bills and people.
type scene struct {
	t        *testing.T
	w        *warehouse
	admin    *client
	log      *safeLog
	secrets  []string // what the answers have handed over
	n        int
	prepared func() // what was done until now was preparation, and is not looked at
}

func setScene(t *testing.T) *scene {
	t.Helper()
	keys, err := account.NewKeyring(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	outbox, err := notify.NewOutbox(true)
	if err != nil {
		t.Fatal(err)
	}
	w, log := build(t), &safeLog{}
	w.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) {
		d.Accounts.Keys, d.Accounts.Outbox, d.Backends = keys, outbox, pool.NewBackends(d.DB, 0)
		d.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		d.Requests = obs.NewRequests(d.Log, obs.NewMetrics(), time.Now)
	})
	return &scene{t: t, w: w, log: log, admin: w.as(t, authz.Admin)}
}

// api sends JSON as the admin.
func (s *scene) api(method, path string, body any) answer {
	s.t.Helper()
	return s.admin.call(method, path, body)
}

// form sends a form as somebody.
func (s *scene) form(c *client, path string, pairs ...string) answer {
	s.t.Helper()
	return c.send("POST", path, form(pairs...), "application/x-www-form-urlencoded", "text/html")
}

func (s *scene) next() int {
	s.n++
	return s.n
}

// parent opens a parent and scans a child into it.
func (s *scene) parent() (string, string) {
	s.t.Helper()
	n := s.next()
	parent, child := fmt.Sprintf("SB%05d", n), fmt.Sprintf("C%06d", n)
	s.admin.want(s.api("POST", "/api/scans", map[string]any{"code": child, "parent": parent}), 200, "linked")
	s.prepared()
	return parent, child
}

// bill makes a bill for one parent, and gives how its number stands in a path.
func (s *scene) bill() string {
	s.t.Helper()
	number := fmt.Sprintf("B-%d", s.next())
	s.admin.want(s.api("POST", "/api/bills", map[string]any{"number": number, "capacity": 1}), 201, "")
	s.prepared()
	return number
}

// full makes a bill with its parent on it.
func (s *scene) full() (string, string) {
	s.t.Helper()
	number := s.bill()
	parent, _ := s.parent()
	s.admin.want(s.api("POST", "/api/bills/"+number+"/bags", map[string]any{"code": parent}), 200, "linked")
	s.prepared()
	return number, parent
}

// completed makes a completed bill.
func (s *scene) completed() string {
	s.t.Helper()
	number, _ := s.full()
	s.admin.want(s.api("POST", "/api/bills/"+number+"/complete", nil), 200, "")
	s.prepared()
	return number
}

// user makes a dispatcher.
func (s *scene) user() string {
	s.t.Helper()
	name := fmt.Sprintf("somebody-%d", s.next())
	s.w.newUser(s.t, s.w.orgID, name, authz.Dispatcher, "")
	s.prepared()
	return name
}

// person makes a dispatcher and logs them in.
func (s *scene) person() (*client, string) {
	s.t.Helper()
	name := s.user()
	c := s.w.login(s.t, name)
	s.prepared()
	return c, name
}

// link gives the token of a link for a new password.
func (s *scene) link() string {
	s.t.Helper()
	token := tokenIn(s.t, s.api("POST", "/api/users/"+s.user()+"/password/link", nil).body)
	s.prepared()
	return token
}

// code gives a code that two-factor login, which somebody has begun, will take.
func (s *scene) code(c *client) string {
	s.t.Helper()
	begun := c.call("POST", "/api/account/2fa", nil)
	code, err := totp.GenerateCode(strings.ReplaceAll(begun.text("secret"), " ", ""), time.Now())
	if err != nil {
		s.t.Fatalf("%v: %v", begun, err)
	}
	s.prepared()
	return code
}

// factored makes a person with two-factor login, and gives their recovery codes.
func (s *scene) factored() (*client, string, []any) {
	s.t.Helper()
	c, name := s.person()
	on := c.call("POST", "/api/account/2fa/confirm", map[string]any{"code": s.code(c)})
	codes, _ := on.body["recovery_codes"].([]any)
	if len(codes) == 0 {
		s.t.Fatalf("no recovery codes: %v", on)
	}
	s.prepared()
	return c, name, codes
}

// token makes an API token and gives its id.
func (s *scene) token(c *client) string {
	s.t.Helper()
	made := c.call("POST", "/api/account/tokens", map[string]any{"name": "a program", "scopes": []string{"read"}, "days": 30})
	c.want(made, 201, "")
	s.prepared()
	return fmt.Sprint(made.body["id"])
}

// elsewhere logs the same person in once more, and gives the id of that session.
func (s *scene) elsewhere(c *client, name string) string {
	s.t.Helper()
	s.w.login(s.t, name)
	sessions := c.call("GET", "/api/account/sessions", nil)
	for _, item := range sessions.body["items"].([]any) {
		if session, _ := item.(map[string]any); session["present"] == false {
			s.prepared()
			return fmt.Sprint(session["id"])
		}
	}
	s.t.Fatalf("no other session: %v", sessions)
	return ""
}

// promotion asks for a higher role, and gives the id of the request.
func (s *scene) promotion() (*client, string) {
	s.t.Helper()
	c, _ := s.person()
	asked := c.call("POST", "/api/promotions", map[string]any{"role": "biller", "reason": "I bill already"})
	c.want(asked, 201, "")
	s.prepared()
	return c, fmt.Sprint(asked.body["id"])
}

// notice tells the admin something, and gives its id.
func (s *scene) notice() string {
	s.t.Helper()
	var id int64
	err := s.w.db.Pool().QueryRow(s.t.Context(), `INSERT INTO notification (org_id, user_id, kind, message) SELECT org_id, id, 'pool_alert', 'Full' FROM "user"
		WHERE username = 'admin' || $1 RETURNING id`, s.w.name()).Scan(&id)
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(id)
}

// backend connects to the database, and gives that connection's process and when it began.
func (s *scene) backend() (string, string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.w.database)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(s.t.Context())) })
	var began time.Time
	if err := conn.QueryRow(s.t.Context(), `SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()`).Scan(&began); err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(conn.PgConn().PID()), began.UTC().Format(time.RFC3339Nano)
}

// escaped is a path with its parts escaped.
func escaped(parts ...string) string {
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/" + strings.Join(parts, "/")
}
