package people_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/people"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// house is an organization with two admins, and the verbs.
type house struct {
	t        *testing.T
	db       *pg.DB
	accounts *account.Store
	people   *people.Store
	org      int64
	admin    authz.Actor
	second   authz.Actor
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db := pgtest.New(t)
	h := &house{t: t, db: db, accounts: account.NewStore(db, time.Now), org: pgtest.Org(t, db)}
	h.people = people.NewStore(db, h.accounts, time.Now)
	h.admin, h.second = pgtest.User(t, db, h.org, authz.Admin, ""), pgtest.User(t, db, h.org, authz.Admin, "")
	return h
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Pool().Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

// admins counts the admins who may log in.
func (h *house) admins() int {
	h.t.Helper()
	var n int
	err := h.db.Pool().QueryRow(h.t.Context(), `SELECT count(*) FROM "user" WHERE org_id = $1 AND role = 'admin' AND active`, h.org).Scan(&n)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// audited gives the actions that are logged of a user, in their order.
func (h *house) audited(username string) []string {
	h.t.Helper()
	var actions []string
	err := h.db.Pool().QueryRow(h.t.Context(), `
		SELECT coalesce(array_agg(l.action ORDER BY l.id), '{}') FROM audit_log l JOIN "user" u ON l.entity_id = u.id::text
		WHERE l.entity_type = 'user' AND u.username = $1`, username).Scan(&actions)
	if err != nil {
		h.t.Fatal(err)
	}
	return actions
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

func TestEveryVerbIsAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	p, link, err := h.people.Invite(ctx, h.admin, account.NewUser{Username: "Asha", Email: "asha@example.org", Role: authz.Dispatcher, Area: "North"})
	if err != nil || !p.Invited || !p.Active || p.Area != "North" || link.Token == "" || p.LinkUntil.IsZero() {
		t.Fatalf("invited %+v, %v", p, err)
	}
	role := authz.Biller
	must := func(p people.Person, err error) people.Person {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p = must(h.people.Edit(ctx, h.admin, "ASHA", people.Change{Role: &role, Email: new("")})); p.Role != authz.Biller || p.Email != "" || p.Area != "North" {
		t.Errorf("edited: %+v", p)
	}
	must(h.people.Edit(ctx, h.admin, "asha", people.Change{Role: &role})) // nothing is different
	must(h.people.EndSessions(ctx, h.admin, "asha"))
	if p = must(h.people.ForcePassword(ctx, h.admin, "asha")); !p.MustChangePassword {
		t.Errorf("forced: %+v", p)
	}
	for range 5 {
		_, _ = h.accounts.Login(ctx, authz.Actor{}, "asha", "wrong bags") // each is refused
	}
	if p = must(h.people.Find(ctx, h.admin, "asha")); p.LockedUntil.IsZero() {
		t.Errorf("not locked: %+v", p)
	}
	if p = must(h.people.Unlock(ctx, h.admin, "asha")); !p.LockedUntil.IsZero() {
		t.Errorf("still locked: %+v", p)
	}
	if p = must(h.people.Deactivate(ctx, h.admin, "asha")); p.Active || !p.LinkUntil.IsZero() {
		t.Errorf("deactivated: %+v", p)
	}
	must(h.people.Deactivate(ctx, h.admin, "asha"))
	if p = must(h.people.Reactivate(ctx, h.admin, "asha")); !p.Active {
		t.Errorf("reactivated: %+v", p)
	}
	if link, err := h.people.NewLink(ctx, h.admin, "asha"); err != nil || link.Purpose != account.Invitation {
		t.Errorf("linked: %+v, %v", link, err)
	}
	got := slices.DeleteFunc(h.audited("Asha"), func(a string) bool { return a == "login_failed" || a == "account_locked" })
	want := []string{"create_user", "make_password_link", "role_change", "edit_user", "end_sessions", "force_password", "unlock_account",
		"deactivate_user", "end_sessions", "reactivate_user", "make_password_link"}
	if !slices.Equal(got, want) {
		t.Errorf("audited %q, not %q", got, want)
	}
	var before, after string
	err = h.db.Pool().QueryRow(ctx, `SELECT before_state->>'email', after_state->>'email' FROM audit_log WHERE action = 'edit_user'`).Scan(&before, &after)
	if err != nil || before != "asha@example.org" || after != "" {
		t.Errorf("before %q, after %q, %v", before, after, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	stranger := pgtest.User(t, h.db, pgtest.Org(t, h.db), authz.Admin, "")
	biller := pgtest.User(t, h.db, h.org, authz.Biller, "")
	dispatcher := authz.Dispatcher
	demote := people.Change{Role: &dispatcher}
	_, linked := h.people.NewLink(ctx, stranger, h.admin.Username)
	_, own := h.people.NewLink(ctx, h.admin, h.admin.Username)
	invite := func(actor authz.Actor, name string) error {
		_, _, err := h.people.Invite(ctx, actor, account.NewUser{Username: name, Role: authz.Biller})
		return err
	}
	of := func(_ people.Person, err error) error { return err }
	for _, tc := range []struct {
		name, code string
		err        error
	}{
		{"another organization's is looked up", "user_not_found", of(h.people.Find(ctx, stranger, h.admin.Username))},
		{"another organization's is edited", "user_not_found", of(h.people.Edit(ctx, stranger, h.admin.Username, demote))},
		{"another organization's is shut out", "user_not_found", of(h.people.Deactivate(ctx, stranger, h.admin.Username))},
		{"another organization's is let in", "user_not_found", of(h.people.Reactivate(ctx, stranger, h.admin.Username))},
		{"another organization's is unlocked", "user_not_found", of(h.people.Unlock(ctx, stranger, h.admin.Username))},
		{"another organization's is logged out", "user_not_found", of(h.people.EndSessions(ctx, stranger, h.admin.Username))},
		{"another organization's is forced", "user_not_found", of(h.people.ForcePassword(ctx, stranger, h.admin.Username))},
		{"another organization's gets a link", "user_not_found", linked},
		{"a biller looks", "forbidden", of(h.people.Find(ctx, biller, h.admin.Username))},
		{"a biller edits", "forbidden", of(h.people.Edit(ctx, biller, h.admin.Username, demote))},
		{"a biller invites", "forbidden", invite(biller, "new")},
		{"an admin demotes themselves", "own_role", of(h.people.Edit(ctx, h.admin, h.admin.Username, demote))},
		{"an admin shuts themselves out", "own_account", of(h.people.Deactivate(ctx, h.admin, h.admin.Username))},
		{"an admin forces themselves", "own_account", of(h.people.ForcePassword(ctx, h.admin, h.admin.Username))},
		{"an admin makes a link for themselves", "own_account", own},
		{"a name that another organization has, in capitals", "user_exists", invite(stranger, "ADMIN-"+h.admin.Username[len("admin-"):])},
		{"no name", "invalid_username", invite(h.admin, "")},
		{"a name with a line end in it", "invalid_username", invite(h.admin, "asha\r\nBcc:x")},
		{"a name with something unseen in it", "invalid_username", invite(h.admin, "as\u200bha")},
		{"a name that reads backwards", "invalid_username", invite(h.admin, "\u202eahsa")},
		{"a name with a letter that is drawn as nothing", "invalid_username", invite(h.admin, h.admin.Username+"\u3164")},
		{"a name that is a path", "invalid_username", invite(h.admin, "..")},
	} {
		if code(tc.err) != tc.code {
			t.Errorf("%s: %v, not %s", tc.name, tc.err, tc.code)
		}
	}
}

// TestTwoAdminsDemoteEachOther proves that of two who do it at the same moment, the second is refused.
func TestTwoAdminsDemoteEachOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	biller := authz.Biller
	for round := range 20 {
		h.exec(`UPDATE "user" SET role = 'admin', active = true WHERE id = ANY ($1)`, []int64{h.admin.UserID, h.second.UserID})
		answers := atOnce(
			func() error {
				_, err := h.people.Edit(t.Context(), h.admin, h.second.Username, people.Change{Role: &biller})
				return err
			},
			func() error {
				if round%2 == 0 {
					_, err := h.people.Deactivate(t.Context(), h.second, h.admin.Username)
					return err
				}
				_, err := h.people.Edit(t.Context(), h.second, h.admin.Username, people.Change{Role: &biller})
				return err
			})
		if n := h.admins(); n != 1 || !slices.Contains(answers, "") || !slices.Contains(answers, "forbidden") {
			t.Fatalf("round %d: %d admins are left, after %q", round, n, answers)
		}
	}
}

// TestTheLastAdminStays races operators, who are nobody's colleague, for the last two admins.
func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	operator := authz.Actor{OrgID: h.org, Role: authz.Admin}
	dispatcher := authz.Dispatcher
	for round := range 20 {
		h.exec(`UPDATE "user" SET role = 'admin', active = true WHERE id = ANY ($1)`, []int64{h.admin.UserID, h.second.UserID})
		answers := atOnce(
			func() error { _, err := h.people.Deactivate(t.Context(), operator, h.admin.Username); return err },
			func() error {
				_, err := h.people.Edit(t.Context(), operator, h.second.Username, people.Change{Role: &dispatcher})
				return err
			})
		if n := h.admins(); n != 1 || !slices.Contains(answers, "") || !slices.Contains(answers, "last_admin") {
			t.Fatalf("round %d: %d admins are left, after %q", round, n, answers)
		}
	}
}

// atOnce runs all, and gives the codes of their refusals in order.
func atOnce(all ...func() error) []string {
	answers := make([]string, len(all))
	var running sync.WaitGroup
	for i, do := range all {
		running.Go(func() { answers[i] = code(do()) })
	}
	running.Wait()
	slices.Sort(answers)
	return answers
}

func TestADemotionEndsSessionsAndAPromotionDoesNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	biller := pgtest.User(t, h.db, h.org, authz.Biller, "")
	epoch := func() int {
		var n int
		if err := h.db.Pool().QueryRow(t.Context(), `SELECT session_epoch FROM "user" WHERE id = $1`, biller.UserID).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i, tc := range []struct {
		role authz.Role
		want int
	}{{authz.Admin, 0}, {authz.Dispatcher, 1}, {authz.Biller, 1}} {
		if _, err := h.people.Edit(t.Context(), h.admin, biller.Username, people.Change{Role: &tc.role}); err != nil {
			t.Fatal(err)
		}
		if got := epoch(); got != tc.want {
			t.Errorf("step %d, to %s: epoch %d, not %d", i, tc.role, got, tc.want)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	pgtest.User(t, h.db, pgtest.Org(t, h.db), authz.Admin, "") // of another organization
	for _, n := range []account.NewUser{
		{Username: "Asha", Email: "green@example.org", Role: authz.Dispatcher}, {Username: "green", Role: authz.Biller},
		{Username: "Greenfield", Role: authz.Dispatcher}, {Username: "zoe%", Role: authz.Biller},
	} {
		if _, _, err := h.people.Invite(t.Context(), h.admin, n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.people.Deactivate(t.Context(), h.admin, "greenfield"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		filter people.Filter
		want   []string
	}{
		{"everybody", people.Filter{}, []string{min(h.admin.Username, h.second.Username), max(h.admin.Username, h.second.Username), "Asha", "green", "Greenfield", "zoe%"}},
		{"a beginning of a name or an address", people.Filter{Q: "GREEN"}, []string{"Asha", "green", "Greenfield"}},
		{"a sign that is a pattern elsewhere", people.Filter{Q: "%"}, nil},
		{"a role", people.Filter{Role: authz.Biller}, []string{"green", "zoe%"}},
		{"who may not log in", people.Filter{Active: new(false)}, []string{"Greenfield"}},
		{"who may, of a role", people.Filter{Active: new(true), Role: authz.Dispatcher}, []string{"Asha"}},
	} {
		for _, limit := range []int{0, 1, 2} {
			if got := names(t, h, tc.filter, limit); !slices.Equal(got, tc.want) {
				t.Errorf("%s, %d at a time: %q, not %q", tc.name, limit, got, tc.want)
			}
		}
	}
	if _, err := h.people.List(t.Context(), h.admin, people.Filter{Role: "owner"}); code(err) != "invalid_filter" {
		t.Errorf("no such role: %v", err)
	}
	if _, err := h.people.List(t.Context(), h.admin, people.Filter{Cursor: "!"}); code(err) != "invalid_cursor" {
		t.Errorf("no such cursor: %v", err)
	}
}

// names gives the names of all pages of a list.
func names(t *testing.T, h *house, f people.Filter, limit int) []string {
	t.Helper()
	var got []string
	for f.Limit = limit; ; {
		list, err := h.people.List(t.Context(), h.admin, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list.Items {
			got = append(got, p.Username)
		}
		if f.Cursor = list.Next; f.Cursor == "" {
			return got
		}
		if len(got) > 100 {
			t.Fatal(errors.New("the list has no end"))
		}
	}
}
