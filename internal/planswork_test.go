package internal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/errs"
	"traitortrack/internal/jobs"
	"traitortrack/internal/notify"
	"traitortrack/internal/org"
	"traitortrack/internal/people"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/privacy"
	"traitortrack/internal/promotion"
	"traitortrack/internal/report"
	"traitortrack/internal/session"
)

// warehouse fills a database with a warehouse large enough for the planner to care: 1,000 parents with 20 children each,
// 1,000 bills, 60,000 scans over two months, receipts for them, sessions and a day of tallies.
const warehouse = `
SET LOCAL statement_timeout = '5min'; -- on a machine that is busy with other tests
SELECT ensure_partitions((now() - interval '70 days')::date, now()::date);
INSERT INTO bag (org_id, kind, code, format_id, capacity, child_grams, children, weight_grams, created_by, area)
	SELECT @org, 'parent', 'SB' || lpad(n::text, 5, '0'), (SELECT min(id) FROM bag_format WHERE org_id = @org), 30, 1000, 20, 20000, @user, CASE WHEN n % 2 = 0 THEN 'north' END
	FROM generate_series(1, 1000) n;
INSERT INTO bag (org_id, kind, code, linked, created_by)
	SELECT @org, 'child', 'C' || lpad(n::text, 6, '0'), n <= 20000, @user FROM generate_series(1, 21000) n;
INSERT INTO link (org_id, child_id, parent_id, weight_grams, linked_by, linked_at)
	SELECT @org, c.id, p.id, 1000, @user, now() - interval '1 day'
	FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM bag WHERE org_id = @org AND kind = 'child' AND linked) c
	JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM bag WHERE org_id = @org AND kind = 'parent') p ON p.n = c.n / 20;
INSERT INTO bill (org_id, number, number_key, capacity, linked, created_by, completed_at, completed_by)
	SELECT @org, 'B-' || n, 'b-' || n, CASE WHEN n % 20 = 0 THEN 4 ELSE 1 END, 1, @user, CASE WHEN n % 20 > 0 THEN now() END, CASE WHEN n % 20 > 0 THEN @user END
	FROM generate_series(1, 990) n;
INSERT INTO bill_bag (org_id, bag_id, bill_id, linked_by, linked_at)
	SELECT @org, p.id, b.id, @user, now()
	FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM bill WHERE org_id = @org) b
	JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM bag WHERE org_id = @org AND kind = 'parent') p ON p.n = b.n;
INSERT INTO scan (org_id, at, id, event, outcome, code, parent_code, user_id)
	SELECT @org, now() - n * interval '80 seconds', gen_random_uuid(), 'scan', 'linked', 'C' || lpad((n % 20000 + 1)::text, 6, '0'),
		'SB' || lpad((n % 1000 + 1)::text, 5, '0'), @user + n % 3 FROM generate_series(1, 60000) n;
INSERT INTO scan_receipt (org_id, scan_id, at) SELECT org_id, id, at FROM scan WHERE org_id = @org;
INSERT INTO tally (org_id, quarter, user_id, slot, accepted)
	SELECT @org, to_timestamp(floor(extract(epoch FROM now()) / 900) * 900 - q * 900), @user + u, 0, 10 FROM generate_series(0, 99) q, generate_series(0, 19) u;
INSERT INTO sealed.personal (token, org_id, user_id, value) OVERRIDING SYSTEM VALUE
	SELECT @org * 1000000 + n, @org, @user, '{"ip_address": "192.0.2.7"}' FROM generate_series(1, 20000) n;
INSERT INTO sealed.audit_log (org_id, at, user_id, action, entity_type, entity_id, address_token, request_id)
	SELECT @org, now() - n * interval '4 minutes', @user + n % 3, (ARRAY['bill_add', 'login_failed', 'unlink'])[1 + n % 3], (ARRAY['bill', 'user', 'bag'])[1 + n % 3], 'X-' || n % 700, @org * 1000000 + n, ''
	FROM generate_series(1, 20000) n;
INSERT INTO "user" (org_id, username, email, role, password_hash) SELECT @org, 'user-' || @org || '-' || n, 'user-' || n || '@example.org', 'dispatcher', '-' FROM generate_series(1, 250) n;
INSERT INTO password_link (org_id, user_id, purpose, created_at, expires_at)
	SELECT org_id, id, 'reset', now() - interval '2 hours', now() + n * interval '1 second' FROM (SELECT *, row_number() OVER (ORDER BY id) n FROM "user" WHERE org_id = @org) u;
INSERT INTO api_token (org_id, user_id, name, prefix, token_hash, scopes, created_at, expires_at)
	SELECT org_id, id, 'a scale', 'tt_', decode(md5(id::text), 'hex'), '{read}', now(), now() + interval '1 day' FROM "user" WHERE org_id = @org;
INSERT INTO login_lock (name_hash, touched_at) SELECT decode(md5(@org || 'name' || n), 'hex'), now() FROM generate_series(1, 5000) n;
INSERT INTO notification (org_id, user_id, kind, message, created_at, read_at, subject_id)
	SELECT @org, @user, 'bill_completed', 'Bill ' || n, now() - n * interval '30 minutes', CASE WHEN n % 500 > 0 THEN now() END, CASE WHEN n % 700 = 0 THEN @user END
	FROM generate_series(1, 5000) n;
INSERT INTO promotion_request (org_id, user_id, role, reason, status, created_at, answered_at)
	SELECT @org, @user, 'biller', 'Reason ' || n, 'withdrawn', now() - n * interval '1 hour', now() FROM generate_series(1, 2000) n;
INSERT INTO session (token_hash, user_id, session_epoch, data, expires_at, last_used_at)
	SELECT decode(md5(@org || '-' || n), 'hex'), @user, 0, '', now() + n * interval '1 second', now() - n * interval '1 minute' FROM generate_series(1, 3000) n;
`

func fill(t *testing.T, db *pg.DB) authz.Actor {
	t.Helper()
	var admin authz.Actor
	for range 2 { // a second organization, so that org_id alone selects half
		orgID := pgtest.Org(t, db)
		admin = pgtest.User(t, db, orgID, authz.Admin, "")
		sql := strings.NewReplacer("@org", fmt.Sprint(orgID), "@user", fmt.Sprint(admin.UserID)).Replace(warehouse)
		if _, err := db.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Pool().Exec(t.Context(), "VACUUM ANALYZE"); err != nil {
		t.Fatal(err)
	}
	return admin
}

// work does what requests do, through the verbs that they call.
func work(t *testing.T, db *pg.DB, admin authz.Actor) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	orgs := org.NewStore(db, time.Second, time.Now)
	bags := bag.NewStore(db, orgs, time.Now)
	bills := bill.NewStore(db, orgs, time.Now)
	reports := report.NewStore(db, orgs, time.Second, time.Now)
	var batch []bag.Request
	for i := range 40 {
		batch = append(batch, bag.Request{ScanID: uuid.New(), Code: fmt.Sprintf("NEW%05d", i), Parent: "SB90001"})
	}
	for range 2 {
		_, err := bags.Scan(ctx, admin, batch)
		must(err)
	}
	_, err := bags.Scan(ctx, admin, []bag.Request{{ScanID: uuid.New(), Code: "C000007", Parent: "SB00900"}})
	must(err)
	_, err = bags.Unlink(ctx, admin, "NEW00001")
	must(err)
	_, err = bags.Close(ctx, admin, "SB00800")
	must(err)
	_, err = bags.Reopen(ctx, admin, "SB00800")
	must(err)
	must(bags.Delete(ctx, admin, "NEW00001"))
	for _, code := range []string{"SB00007", "C000007"} {
		_, err = bags.Find(ctx, admin, code)
		must(err)
		_, err = bags.History(ctx, admin, code, "", 50)
		must(err)
	}
	_, err = bags.Recent(ctx, admin, 10)
	must(err)
	for _, f := range []bag.Filter{{}, {Kind: "parent"}, {Kind: "child"}, {Kind: "parent", Status: "completed"}, {Kind: "child", Status: "unlinked"}, {Q: "SB000"}, {Kind: "child", Q: "C0001"}} {
		f.Limit = 50
		list, err := bags.List(ctx, admin, f)
		must(err)
		f.Cursor = list.Next
		_, err = bags.List(ctx, admin, f)
		must(err)
	}
	workBills(t, bills, admin)
	workPeople(t, db, admin)
	workNotices(t, db, admin)
	workPromotions(t, db, admin)
	workPrivacy(t, db, admin)
	workBackground(t, db, reports)
	_, err = reports.Stats(ctx, admin.OrgID)
	must(err)
	_, err = reports.Dashboard(ctx, admin.OrgID)
	must(err)
	for _, q := range []string{"SB00007", "C000007", "b-7", "B-7"} {
		_, err = reports.Locate(ctx, admin, q)
		must(err)
	}
}

// workPeople logs in and fails to, lists sessions, and reads the log in each of its orders.
func workPeople(t *testing.T, db *pg.DB, admin authz.Actor) {
	t.Helper()
	ctx := t.Context()
	accounts := account.NewStore(db, time.Now)
	workUsers(t, people.NewStore(db, accounts, time.Now), accounts, admin)
	if _, err := accounts.Login(ctx, authz.Actor{Address: "192.0.2.1"}, admin.Username, "not the password"); errs.As(err) == nil {
		t.Fatalf("a login with a wrong password: %v", err)
	}
	workTokens(t, accounts, admin)
	if _, err := session.NewSessions(db, nil, time.Now).List(ctx, admin.UserID); err != nil {
		t.Fatal(err)
	}
	for _, f := range []audit.Filter{{}, {Action: "login_failed"}, {User: admin.Username}, {Entity: "bill"}, {Entity: "bill/B-7"}} {
		f.Limit = 50
		if _, err := audit.NewLog(db).List(ctx, admin, f); err != nil {
			t.Fatal(err)
		}
	}
}

// workTokens makes a token, uses it, looks at it and revokes it.
func workTokens(t *testing.T, people *account.Store, admin authz.Actor) {
	t.Helper()
	ctx := t.Context()
	made, secret, err := people.CreateToken(ctx, admin, account.NewToken{Name: "a scale", Scopes: authz.ReadScope, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people.ActorByToken(ctx, secret, true); err != nil {
		t.Fatal(err)
	}
	if _, err := people.Tokens(ctx, admin); err != nil {
		t.Fatal(err)
	}
	if err := people.RevokeToken(ctx, admin, made.ID); err != nil {
		t.Fatal(err)
	}
}

// workNotices tells people of things, and lets them read it.
func workNotices(t *testing.T, db *pg.DB, admin authz.Actor) {
	t.Helper()
	ctx, notices := t.Context(), notify.NewStore(db, time.Now)
	n := notify.Notice{Kind: notify.PoolAlert, Message: "The pool is full.", Link: "/pool_dashboard"}
	first, err := notices.List(ctx, admin, 50, "")
	steps := []func() error{
		func() error { return err },
		func() error { _, err := notices.List(ctx, admin, 50, first.Next); return err },
		func() error { _, err := notices.Unread(ctx, admin); return err },
		func() error { _, err := notices.Open(ctx, admin, first.Items[0].ID); return err },
		func() error { return notices.MarkRead(ctx, admin, []int64{first.Items[1].ID}) },
		func() error { return notices.MarkReadUpTo(ctx, admin, first.Items[0].ID) },
		func() error {
			return db.Tx(ctx, func(tx pgx.Tx) error { return notify.ToAdmins(ctx, tx, notify.Admins{OrgID: admin.OrgID}, n) })
		},
		func() error { return db.Tx(ctx, func(tx pgx.Tx) error { return notify.ToEveryAdmin(ctx, tx, n) }) },
	}
	for n, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
	}
}

// workUsers does what an admin does for the users, and what somebody does who has forgotten their password.
func workUsers(t *testing.T, store *people.Store, accounts *account.Store, admin authz.Actor) {
	t.Helper()
	ctx := t.Context()
	var err error
	if accounts.Outbox, err = notify.NewOutbox(true); err != nil {
		t.Fatal(err)
	}
	for _, f := range []people.Filter{{}, {Q: "user-7"}, {Role: authz.Admin}, {Active: new(false)}} {
		if _, err := store.List(ctx, admin, f); err != nil {
			t.Fatal(err)
		}
	}
	_, link, err := store.Invite(ctx, admin, account.NewUser{Username: "invited", Role: authz.Biller})
	if err != nil {
		t.Fatal(err)
	}
	_, opened := accounts.OpenLink(ctx, link.Token)
	_, used := accounts.UseLink(ctx, authz.Actor{}, link.Token, "nine brown sacks")
	_, edited := store.Edit(ctx, admin, "invited", people.Change{Email: new("invited@example.org")})
	forgot := accounts.Forgot(ctx, authz.Actor{}, "invited@example.org")
	_, shut := store.Deactivate(ctx, admin, "invited")
	if err := errors.Join(opened, used, edited, forgot, shut); err != nil {
		t.Fatal(err)
	}
}

// workPromotions lets people ask, and an admin answer.
func workPromotions(t *testing.T, db *pg.DB, admin authz.Actor) {
	t.Helper()
	ctx, requests := t.Context(), promotion.NewStore(db, time.Now)
	asha := pgtest.User(t, db, admin.OrgID, authz.Dispatcher, "")
	var asked promotion.Request
	ask := func(role authz.Role) func() error {
		return func() error { var err error; asked, err = requests.Ask(ctx, asha, role, "Please"); return err }
	}
	steps := []func() error{
		ask(authz.Biller),
		func() error { _, err := requests.Withdraw(ctx, asha); return err },
		ask(authz.Biller),
		func() error { _, err := requests.CountOpen(ctx, admin); return err },
		func() error { _, err := requests.Own(ctx, asha); return err },
		func() error { _, err := requests.Approve(ctx, admin, asked.ID, "Yes"); return err },
		ask(authz.Admin),
		func() error { _, err := requests.Decline(ctx, admin, asked.ID, "No"); return err },
	}
	for _, f := range []promotion.Filter{{}, {Status: promotion.Open}} {
		f.Limit = 50
		steps = append(steps, func() error { _, err := requests.List(ctx, admin, f); return err })
	}
	for n, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
	}
}

// workPrivacy gives a person what is kept about them, and erases them.
func workPrivacy(t *testing.T, db *pg.DB, admin authz.Actor) {
	t.Helper()
	ctx, store := t.Context(), privacy.NewStore(db, time.Now)
	asha := pgtest.User(t, db, admin.OrgID, authz.Dispatcher, "")
	person, found := store.Subject(ctx, admin, asha.Username)
	written := store.Write(ctx, person, io.Discard)
	_, erased := store.Erase(ctx, admin, asha.Username, "they asked for it")
	if err := errors.Join(found, written, erased); err != nil {
		t.Fatal(err)
	}
}

// workBackground lets each job have a turn.
func workBackground(t *testing.T, db *pg.DB, reports *report.Store) {
	t.Helper()
	keys, err := audit.NewKeys("a secret of the test's own")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	runner, err := jobs.NewRunner(jobs.Deps{DB: db, Sealer: audit.NewSealer(db, keys, log, time.Now), Reports: reports, Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	for done := 0; done < 7; time.Sleep(50 * time.Millisecond) {
		err := db.Pool().QueryRow(ctx, "SELECT count(DISTINCT kind) FROM river.river_job WHERE state = 'completed'").Scan(&done)
		if err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	sealFew(t, db, audit.NewSealer(db, keys, log, time.Now))
}

// sealFew seals a few rows behind many that are sealed: the seal of an ordinary minute.
func sealFew(t *testing.T, db *pg.DB, sealer *audit.Sealer) {
	t.Helper()
	for range 2 {
		who := pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")
		err := db.Tx(t.Context(), func(tx pgx.Tx) error {
			return audit.Record(t.Context(), tx, who, audit.Entry{Action: "test", EntityType: "bag", EntityID: "X"})
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sealer.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func workBills(t *testing.T, bills *bill.Store, admin authz.Actor) {
	t.Helper()
	ctx := t.Context()
	id, capacity := uuid.New(), 1
	steps := []func() error{
		func() error {
			_, err := bills.Create(ctx, admin, bill.Draft{Number: "N 1", Capacity: 2})
			return err
		},
		func() error { _, err := bills.Add(ctx, admin, "N 1", "SB00999", &id); return err },
		func() error { _, err := bills.Add(ctx, admin, "N 1", "SB00999", &id); return err },
		func() error { _, err := bills.Edit(ctx, admin, "N 1", bill.Change{Capacity: &capacity}); return err },
		func() error { _, err := bills.Complete(ctx, admin, "N 1"); return err },
		func() error { _, err := bills.Reopen(ctx, admin, "N 1"); return err },
		func() error { _, err := bills.Remove(ctx, admin, "N 1", "SB00999"); return err },
		func() error { _, err := bills.Delete(ctx, admin, "N 1"); return err },
		func() error { _, err := bills.Find(ctx, admin, "B-7"); return err },
		func() error { _, err := bills.Bags(ctx, admin, "B-7"); return err },
	}
	for _, f := range []bill.Filter{{}, {Status: "processing"}, {Q: "B-1"}, {Status: "new", Q: "B-2"}} {
		f.Limit = 50
		steps = append(steps, func() error { _, err := bills.List(ctx, admin, f); return err })
	}
	for n, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
	}
}
