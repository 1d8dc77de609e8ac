package promotion_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/promotion"
)

// place is an organization with a dispatcher and two admins.
type place struct {
	db           *pg.DB
	store        *promotion.Store
	asha         authz.Actor
	admin, other authz.Actor
}

func open(t *testing.T) place {
	t.Helper()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	return place{db: db, store: promotion.NewStore(db, time.Now), asha: pgtest.User(t, db, org, authz.Dispatcher, "North"),
		admin: pgtest.User(t, db, org, authz.Admin, ""), other: pgtest.User(t, db, org, authz.Admin, "")}
}

func code(err error) string {
	if refused := errs.As(err); refused != nil {
		return refused.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func want(t *testing.T, what string, err error, refusal string) {
	t.Helper()
	if code(err) != refusal {
		t.Errorf("%s: %v, want %q", what, err, refusal)
	}
}

func (p place) ask(t *testing.T, role authz.Role) promotion.Request {
	t.Helper()
	r, err := p.store.Ask(t.Context(), p.asha, role, "The bills pile up.")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// texts gives the only column of a query.
func (p place) texts(t *testing.T, sql string, args ...any) []string {
	t.Helper()
	rows, err := p.db.Pool().Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (p place) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := p.db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func TestAskingAndAnswering(t *testing.T) {
	t.Parallel()
	p := open(t)
	r, err := p.store.Ask(t.Context(), p.asha, authz.Biller, "  The bills\r\npile\u200b up. ")
	if err != nil || r.Status != promotion.Open || r.Reason != "The bills pile up." || r.Role != authz.Biller || r.Username != p.asha.Username {
		t.Fatalf("asked: %+v, %v", r, err)
	}
	_, err = p.store.Ask(t.Context(), p.asha, authz.Admin, "More")
	want(t, "a second request", err, "promotion_open")
	list, err := p.store.List(t.Context(), p.admin, promotion.Filter{Status: promotion.Open, Limit: 1})
	if err != nil || len(list.Items) != 1 || list.Items[0] != r {
		t.Errorf("listed: %+v, %v", list, err)
	}
	after, err := p.store.Approve(t.Context(), p.admin, r.ID, "Welcome")
	if err != nil || after.Status != promotion.Approved || after.Present != authz.Biller || after.Note != "Welcome" || after.AnsweredBy != p.admin.Username {
		t.Fatalf("answered: %+v, %v", after, err)
	}
	if n, err := p.store.CountOpen(t.Context(), p.admin); err != nil || n != 0 {
		t.Errorf("%d open, %v", n, err)
	}
	told := p.texts(t, `SELECT u.username || ' ' || n.message FROM notification n JOIN "user" u ON u.id = n.user_id ORDER BY n.id`)
	asked := " " + p.asha.Username + " asks to become a biller: The bills pile up."
	if !slices.Equal(told, []string{p.admin.Username + asked, p.other.Username + asked,
		p.asha.Username + " You are a biller now: " + p.admin.Username + " has granted your request. “Welcome”"}) {
		t.Errorf("told: %q", told)
	}
	log := p.texts(t, `SELECT action || ' ' || entity_type || ' ' || coalesce(before_state->>'role', '-') || ' ' || (after_state->>'role') || ' ' || (user_id = $1) FROM audit_log ORDER BY id`, p.admin.UserID)
	if !slices.Equal(log, []string{"promotion_asked promotion - biller false", "promotion_approved promotion biller biller true", "role_change user dispatcher biller true"}) {
		t.Errorf("audited: %q", log)
	}
	if sealed := p.texts(t, `SELECT a::text FROM sealed.audit_log a WHERE a::text ~ 'pile up|Welcome'`); len(sealed) != 0 {
		t.Errorf("what people wrote stands in the log itself: %q", sealed)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, tc := range []struct {
		name   string
		who    authz.Actor
		role   authz.Role
		reason string
		code   string
	}{
		{"one's own role", p.asha, authz.Dispatcher, "Why not", "invalid_role"},
		{"no role", p.asha, "owner", "Why not", "invalid_role"},
		{"no reason", p.asha, authz.Biller, " \u200b\n ", "invalid_reason"},
		{"a novel", p.asha, authz.Biller, strings.Repeat("a", 501), "invalid_reason"},
		{"an admin", p.admin, authz.Admin, "Why not", "no_higher_role"},
	} {
		_, err := p.store.Ask(t.Context(), tc.who, tc.role, tc.reason)
		want(t, tc.name, err, tc.code)
	}
	r := p.ask(t, authz.Admin)
	_, err := p.store.Approve(t.Context(), p.asha, r.ID, "")
	want(t, "a dispatcher answers", err, "forbidden")
	_, err = p.store.List(t.Context(), p.asha, promotion.Filter{Limit: 1})
	want(t, "a dispatcher lists", err, "forbidden")
	_, err = p.store.Approve(t.Context(), p.admin, r.ID, strings.Repeat("a", 501))
	want(t, "a novel of a note", err, "invalid_note")
	_, err = p.store.Approve(t.Context(), p.admin, r.ID+1, "")
	want(t, "no request", err, "promotion_not_found")
	stranger := pgtest.User(t, p.db, pgtest.Org(t, p.db), authz.Admin, "")
	_, err = p.store.Approve(t.Context(), stranger, r.ID, "")
	want(t, "an admin of another organization", err, "promotion_not_found")
	_, err = p.store.List(t.Context(), p.admin, promotion.Filter{Status: "lost", Limit: 1})
	want(t, "an unknown status", err, "invalid_filter")

	p.exec(t, `UPDATE "user" SET role = 'admin' WHERE id = $1`, p.asha.UserID) // by another way meanwhile
	p.asha.Role = authz.Admin
	_, err = p.store.Approve(t.Context(), p.asha, r.ID, "")
	want(t, "one's own request", err, "own_request")
	_, err = p.store.Approve(t.Context(), p.admin, r.ID, "")
	want(t, "a role that they have", err, "promotion_moot")
	p.exec(t, `UPDATE "user" SET role = 'dispatcher', active = false WHERE id = $1`, p.asha.UserID)
	_, err = p.store.Approve(t.Context(), p.admin, r.ID, "")
	want(t, "somebody who is shut out", err, "user_inactive")
	_, err = p.store.Ask(t.Context(), p.asha, authz.Biller, "Why not")
	want(t, "who is shut out asks", err, "unauthenticated")
	if list, err := p.store.List(t.Context(), p.admin, promotion.Filter{Limit: 1}); err != nil || !list.Items[0].Moot() {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if _, err = p.store.Decline(t.Context(), p.admin, r.ID, ""); err != nil {
		t.Errorf("declined: %v", err)
	}
	_, err = p.store.Decline(t.Context(), p.other, r.ID, "")
	want(t, "answered already", err, "promotion_answered")
	p.exec(t, `UPDATE "user" SET role = 'biller' WHERE id = $1`, p.other.UserID)
	p.exec(t, `UPDATE "user" SET active = true WHERE id = $1`, p.asha.UserID)
	r = p.ask(t, authz.Biller)
	_, err = p.store.Decline(t.Context(), p.other, r.ID, "")
	want(t, "who was an admin a moment ago", err, "forbidden")
}

func TestTakingBack(t *testing.T) {
	t.Parallel()
	p := open(t)
	_, err := p.store.Withdraw(t.Context(), p.asha)
	want(t, "nothing to take back", err, "promotion_not_found")
	r := p.ask(t, authz.Biller)
	if after, err := p.store.Withdraw(t.Context(), p.asha); err != nil || after.Status != promotion.Withdrawn || after.AnsweredAt.IsZero() {
		t.Errorf("taken back: %+v, %v", after, err)
	}
	_, err = p.store.Approve(t.Context(), p.admin, r.ID, "")
	want(t, "what was taken back", err, "promotion_answered")
	p.ask(t, authz.Biller)
	p.exec(t, `UPDATE "user" SET role = 'biller' WHERE id = $1`, p.asha.UserID)
	p.ask(t, authz.Admin) // the request before was overtaken, and does not stand in the way
	if own, err := p.store.Own(t.Context(), p.asha); err != nil || len(own) != 3 || own[0].Status != promotion.Open || own[1].Status != promotion.Withdrawn {
		t.Errorf("own: %+v, %v", own, err)
	}
}

// Of two admins who answer at once, one answers.
func TestTwoAdminsAnswerAtOnce(t *testing.T) {
	t.Parallel()
	p := open(t)
	for range 5 {
		p.exec(t, `UPDATE "user" SET role = 'dispatcher' WHERE id = $1`, p.asha.UserID)
		r := p.ask(t, authz.Biller)
		var wait sync.WaitGroup
		codes := make([]string, 4)
		for i := range codes {
			wait.Go(func() {
				answer, who := p.store.Approve, p.admin
				if i%2 == 1 {
					answer, who = p.store.Decline, p.other
				}
				_, err := answer(t.Context(), who, r.ID, "")
				codes[i] = code(err)
			})
		}
		wait.Wait()
		slices.Sort(codes)
		if !slices.Equal(codes, []string{"", "promotion_answered", "promotion_answered", "promotion_answered"}) {
			t.Fatalf("answers: %q", codes)
		}
	}
	changes := p.texts(t, `SELECT action FROM audit_log WHERE action = 'role_change'`)
	granted := p.texts(t, `SELECT status FROM promotion_request WHERE status = 'approved'`)
	told := p.texts(t, `SELECT kind FROM notification WHERE kind = 'promotion_answered'`)
	if len(changes) != len(granted) || len(told) != 5 {
		t.Errorf("%d changes of role for %d requests that were granted, and %d answers were told", len(changes), len(granted), len(told))
	}
}

// Whoever asks twice at once has asked once.
func TestAskingTwiceAtOnce(t *testing.T) {
	t.Parallel()
	p := open(t)
	var wait sync.WaitGroup
	codes := make([]string, 6)
	for i := range codes {
		wait.Go(func() {
			_, err := p.store.Ask(t.Context(), p.asha, authz.Biller, "Please")
			codes[i] = code(err)
		})
	}
	wait.Wait()
	slices.Sort(codes)
	if codes[0] != "" || codes[1] != "promotion_open" {
		t.Errorf("asked: %q", codes)
	}
	if open := p.texts(t, `SELECT status FROM promotion_request`); len(open) != 1 {
		t.Errorf("requests: %q", open)
	}
}

// Whoever takes a request back while it is answered has done one or the other.
func TestTakingBackWhileItIsAnswered(t *testing.T) {
	t.Parallel()
	p := open(t)
	for range 5 {
		r := p.ask(t, authz.Admin)
		var wait sync.WaitGroup
		var back, answered error
		wait.Go(func() { _, back = p.store.Withdraw(t.Context(), p.asha) })
		wait.Go(func() { _, answered = p.store.Decline(t.Context(), p.admin, r.ID, "") })
		wait.Wait()
		if (back == nil) == (answered == nil) {
			t.Fatalf("taken back: %v, answered: %v", back, answered)
		}
	}
}
