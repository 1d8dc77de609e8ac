package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/obs"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// What names the person who is erased. Nothing of it may be left anywhere.
const (
	theirName    = "meenakshi.sundaram"
	theirMail    = "meenakshi@fields.example"
	theirAddress = "203.0.113.77"
	theirReason  = "my brother is ill"
)

// safeLog is a log that several goroutines write.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds a line.
func (l *safeLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// String gives what was written.
func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lived is a warehouse in which somebody has worked, whose data stands wherever the product keeps any.
type lived struct {
	*warehouse
	log         *safeLog
	admin, them *client
	id          int64
}

// from makes a client at an address, as a proxy tells it.
func (w *warehouse) from(t *testing.T, c *client, address string) *client {
	t.Helper()
	c.http.Transport = forwarded{address}
	return c
}

func live(t *testing.T) *lived {
	t.Helper()
	l := &lived{warehouse: build(t), log: &safeLog{}}
	l.url = l.serve(t, func(d *server.Deps, _ *redisdb.DB) {
		d.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		d.Log = slog.New(slog.NewJSONHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		d.Requests = obs.NewRequests(d.Log, obs.NewMetrics(), time.Now)
	})
	l.admin = l.as(t, authz.Admin)
	early := l.from(t, l.stranger(t), theirAddress)
	early.want(early.call("POST", "/api/login", map[string]any{"username": theirName, "password": password}), 401, "invalid_credentials")
	l.newUser(t, l.orgID, theirName, authz.Dispatcher, "North")
	l.admin.want(l.admin.call("PATCH", "/api/users/"+theirName, map[string]any{"email": theirMail}), 200, "")
	l.them = l.from(t, l.stranger(t), theirAddress)
	for range 4 { // with the early one, five lock the name
		l.them.want(l.them.call("POST", "/api/login", map[string]any{"username": theirName, "password": "wrong bags"}), 401, "invalid_credentials")
	}
	l.admin.want(l.admin.call("POST", "/api/users/"+theirName+"/unlock", nil), 200, "")
	l.them.want(l.them.call("POST", "/api/login", map[string]any{"username": strings.ToUpper(theirName), "password": password}), 200, "")
	l.them.want(l.them.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 200, "opened")
	l.them.want(l.them.call("POST", "/api/scans", map[string]any{"code": "C0001", "parent": "SB00001"}), 200, "linked")
	l.them.want(l.them.call("DELETE", "/api/bags/C0001/parent", nil), 200, "")
	l.admin.want(l.admin.call("POST", "/api/users/"+theirName+"/password/link", nil), 201, "")
	l.leave(t)
	return l
}

// leave writes what no call of this test does, and lets half a year go by for their first events.
func (l *lived) leave(t *testing.T) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO promotion_request (org_id, user_id, role, reason) SELECT org_id, id, 'biller', '` + theirReason + `' FROM "user" WHERE id = $1`,
		`INSERT INTO api_token (org_id, user_id, name, prefix, token_hash, scopes, created_at, expires_at) SELECT org_id, id, username || '''s own', 'x', 'x', '{read}', now(), now() FROM "user" WHERE id = $1`,
		`INSERT INTO totp (org_id, user_id, key_id, sealed, created_at) SELECT org_id, id, 'k', 'x', now() FROM "user" WHERE id = $1`,
		`INSERT INTO notification (org_id, user_id, kind, message) SELECT org_id, id, 'bill_completed', 'For ' || username FROM "user" WHERE id = $1`,
		`INSERT INTO river.river_job (kind, args, max_attempts, queue, state, finalized_at, errors) SELECT 'mail', jsonb_build_object('org_id', org_id, 'user_id', 0, 'text', username), 1, 'mail', 'completed', now(),
			ARRAY[jsonb_build_object('error', email)] FROM "user" WHERE id = $1`,
		`INSERT INTO river.river_job (kind, args, max_attempts, queue) SELECT 'mail', jsonb_build_object('org_id', org_id, 'user_id', id, 'text', 'Dear ' || username), 1, 'mail' FROM "user" WHERE id = $1`,
		`SELECT ensure_partitions((now() - interval '6 months')::date, (now() - interval '5 months')::date) FROM "user" WHERE id = $1`,
		`INSERT INTO sealed.audit_log (org_id, at, user_id, action, entity_type, entity_id, details, before_state, after_state, address_token, person_token, request_id)
			SELECT org_id, at - interval '6 months', user_id, action, entity_type, entity_id, details, before_state, after_state, address_token, person_token, request_id FROM sealed.audit_log WHERE $1 > 0`,
	} {
		if _, err := l.db.Pool().Exec(t.Context(), sql, l.idOf(t)); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func (l *lived) idOf(t *testing.T) int64 {
	t.Helper()
	if l.id == 0 {
		if err := l.db.Pool().QueryRow(t.Context(), `SELECT id FROM "user" WHERE username = $1`, theirName).Scan(&l.id); err != nil {
			t.Fatal(err)
		}
	}
	return l.id
}

// TestAPersonIsErased erases somebody, and looks for them in every column of every table, in the archives and in the log.
func TestAPersonIsErased(t *testing.T) {
	t.Parallel()
	l := live(t)
	keys, archives := l.archive(t)
	before := l.dump(t)
	for _, trace := range []string{theirName, theirMail, theirAddress, theirReason} {
		if !strings.Contains(strings.ToLower(before), trace) {
			t.Fatalf("%s is not in the database before they are erased: the test proves nothing", trace)
		}
	}
	erase := func(reason string) answer {
		return l.admin.call("POST", "/api/users/"+theirName+"/erase", map[string]any{"reason": reason})
	}
	l.admin.want(erase(" "), 422, "invalid_reason")
	l.admin.want(erase("Meenakshi.Sundaram asked"), 422, "invalid_reason")
	l.admin.want(erase("asked by letter"), 200, "")
	l.admin.want(erase("asked by letter"), 404, "user_not_found")

	after := strings.ToLower(l.dump(t))
	for _, trace := range []string{theirName, theirMail, theirAddress, theirReason} {
		for line := range strings.Lines(after) {
			if strings.Contains(line, trace) {
				t.Errorf("%s is left in the database: %.300s", trace, line)
			}
		}
		if strings.Contains(strings.ToLower(l.log.String()), trace) {
			t.Errorf("%s is in the log", trace)
		}
		grepArchives(t, archives, trace)
	}
	report, err := audit.Verify(t.Context(), l.db, keys, archives)
	if err != nil || !report.Clean() || report.Archived == 0 {
		t.Errorf("the audit log after it: %+v, %v", report, err)
	}
	l.stillTold(t)
}

// stillTold proves that what they did is there, and that they are not.
func (l *lived) stillTold(t *testing.T) {
	t.Helper()
	name := "erased-" + orgName(l.id)
	if story := l.admin.call("GET", "/api/bags/C0001/history", nil); strings.Count(story.raw, `"`+name+`"`) < 2 {
		t.Errorf("the bag's story: %v", story)
	}
	deleted := l.admin.call("GET", "/api/audit?action=delete_user", nil)
	if !strings.Contains(deleted.raw, `"role":"dispatcher"`) || !strings.Contains(deleted.raw, "asked by letter") {
		t.Errorf("the deletion: %v", deleted)
	}
	if done := l.admin.call("GET", "/api/audit?user="+name, nil); !strings.Contains(done.raw, `"unlink"`) || !strings.Contains(done.raw, `"ip_address":null`) {
		t.Errorf("what they did: %v", done)
	}
	eventuallyRefused(t, l.them)
	l.them.want(l.them.call("POST", "/api/login", map[string]any{"username": name, "password": password}), 401, "invalid_credentials")
	l.admin.want(l.admin.call("GET", "/api/users/"+name, nil), 404, "user_not_found")
	l.admin.want(l.admin.call("GET", "/api/users/"+name+"/export", nil), 404, "user_not_found")
}

// archive seals the log and moves its old month into a file.
func (l *lived) archive(t *testing.T) (audit.Keys, string) {
	t.Helper()
	keys, err := audit.NewKeys("a secret")
	if err != nil {
		t.Fatal(err)
	}
	quiet, folder := slog.New(slog.DiscardHandler), t.TempDir()
	sealer, archiver := audit.NewSealer(l.db, keys, quiet, time.Now), audit.NewArchiver(l.db, keys, folder, quiet, time.Now)
	deadline := time.Now().Add(time.Minute)
	for moved := 0; moved == 0; time.Sleep(20 * time.Millisecond) { // other tests' transactions hold the seals back
		if _, err := sealer.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := archiver.Archive(t.Context())
		if moved = len(all); moved == 0 && time.Now().After(deadline) {
			t.Fatalf("nothing was archived: %v", err)
		}
	}
	return keys, folder
}

// dump gives every row of every table as text, and what stands in bytes beside it.
func (l *lived) dump(t *testing.T) string {
	t.Helper()
	rows, err := l.db.Pool().Query(t.Context(), `SELECT format('SELECT %L || t::text FROM %I.%I t', tablename || ' ', schemaname, tablename) FROM pg_tables
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range tables {
		rows, err := l.db.Pool().Query(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		for _, line := range lines {
			all.WriteString(line + "\n")
			for _, digits := range inBytes.FindAllStringSubmatch(line, -1) {
				raw, _ := hex.DecodeString(digits[1])
				all.WriteString(strings.ToValidUTF8(string(raw), "?") + "\n")
			}
		}
	}
	return all.String()
}

var inBytes = regexp.MustCompile(`\\x((?:[0-9a-f]{2})+)`)

func gunzip(t *testing.T, packed []byte) string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func grepArchives(t *testing.T, folder, trace string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range files {
		packed, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(gunzip(t, packed)), trace) {
			t.Errorf("%s is in %s", trace, name)
		}
	}
}

func TestAPersonsDataIsGiven(t *testing.T) {
	t.Parallel()
	l := live(t)
	for who, a := range map[string]answer{"an admin": l.admin.call("GET", "/api/users/"+theirName+"/export", nil), "themselves": l.them.call("GET", "/api/account/export", nil)} {
		var data struct {
			User           struct{ Username, Email string }
			Sessions       []struct{ Address string }
			Notices, Scans []map[string]any
			APITokens      []map[string]any `json:"api_tokens"`
			Promotions     []map[string]any `json:"promotion_requests"`
			EventsBy       []map[string]any `json:"events_by_them"`
			EventsAbout    []map[string]any `json:"events_about_them"`
		}
		if err := json.Unmarshal([]byte(a.raw), &data); err != nil || a.status != 200 {
			t.Fatalf("%s: %v, %v", who, a, err)
		}
		if data.User.Username != theirName || data.User.Email != theirMail || len(data.Sessions) != 1 || data.Sessions[0].Address != theirAddress {
			t.Errorf("%s: user %+v, sessions %+v", who, data.User, data.Sessions)
		}
		if len(data.APITokens) != 1 || len(data.Notices) == 0 || len(data.Promotions) != 1 || len(data.Scans) != 3 || len(data.EventsBy) < 2 || len(data.EventsAbout) < 8 {
			t.Errorf("%s: something is missing: %s", who, a.raw)
		}
		if strings.Contains(a.raw, "password_hash") || strings.Contains(a.raw, "token_hash") {
			t.Errorf("%s is given a secret: %s", who, a.raw)
		}
	}
	exports := l.admin.call("GET", "/api/audit?action=export_user", nil)
	if n := len(exports.body["items"].([]any)); n != 2 {
		t.Errorf("%d exports are in the log", n)
	}
	l.them.want(l.them.call("GET", "/api/users/"+theirName+"/export", nil), 403, "forbidden")
	l.admin.want(l.admin.call("GET", "/api/users/nobody/export", nil), 404, "user_not_found")
}

func TestErasingByThePage(t *testing.T) {
	t.Parallel()
	w := start(t)
	admin := w.as(t, authz.Admin)
	post := func(name, reason string) answer {
		return admin.send("POST", "/users/"+name+"/erase", url.Values{"reason": {reason}}.Encode(), "application/x-www-form-urlencoded", "text/html")
	}
	if a := post("biller"+w.name(), "The biller"+w.name()+" asked"); a.status != 422 || !strings.Contains(a.raw, `value="The biller`+w.name()+` asked"`) {
		t.Errorf("a reason that names them: %v", a)
	}
	if a := post("admin"+w.name(), "why not"); a.status != 403 || !strings.Contains(a.raw, "Another admin can erase it") {
		t.Errorf("oneself: %v", a)
	}
	a := post("biller"+w.name(), "asked by letter")
	if a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/audit?action=delete_user") {
		t.Fatalf("erased: %v", a)
	}
	if a := admin.page(a.header.Get("Location")); !strings.Contains(a.raw, "asked by letter") {
		t.Errorf("the event: %v", a)
	}
}

// TestTwoAdminsEraseEachOther proves that of two who do it at the same moment, the second is refused, though a third is left.
func TestTwoAdminsEraseEachOther(t *testing.T) {
	t.Parallel()
	w := start(t)
	clients := map[string]*client{}
	names := []string{"asha" + w.name(), "ravi" + w.name()}
	for _, name := range names {
		w.newUser(t, w.orgID, name, authz.Admin, "")
		clients[name] = w.login(t, name)
	}
	codes := make([]string, len(names))
	var running sync.WaitGroup
	for i, name := range names {
		running.Go(func() {
			a := clients[name].call("POST", "/api/users/"+names[1-i]+"/erase", map[string]any{"reason": "a quarrel"})
			codes[i] = strings.TrimPrefix(a.text("code"), "<nil>")
		})
	}
	running.Wait()
	if slices.Sort(codes); codes[0] != "" || codes[1] != "forbidden" && codes[1] != "unauthenticated" {
		t.Errorf("answers %q", codes)
	}
}
