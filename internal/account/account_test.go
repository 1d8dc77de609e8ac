package account_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

func code(err error) string {
	if refused := errs.As(err); refused != nil {
		return refused.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestCreateTwice(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	create(t, db, pgtest.Org(t, db), "asha")
	other := pgtest.Org(t, db)
	err := db.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := account.Create(t.Context(), tx, account.NewUser{OrgID: other, Username: "ASHA", Role: authz.Admin, Password: password})
		return err
	})
	if code(err) != "user_exists" {
		t.Errorf("got %v", err)
	}
}

func TestActor(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	id := create(t, db, org, "asha")
	elsewhere := time.Now()
	store := account.NewStore(db, func() time.Time { elsewhere = elsewhere.Add(time.Second); return elsewhere }) // a second goes by between any two looks
	want := authz.Actor{UserID: id, OrgID: org, Username: "asha", Role: authz.Dispatcher, Area: "North"}
	if got, err := store.Actor(t.Context(), id, 0); err != nil || got != want {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, tc := range []struct {
		name, sql string
		epoch     int64
		code      string
	}{
		{"a new role", `UPDATE "user" SET role = 'biller' WHERE id = $1`, 0, ""},
		{"another epoch", `UPDATE "user" SET session_epoch = 5 WHERE id = $1`, 0, "unauthenticated"},
		{"the present epoch", `UPDATE "user" SET session_epoch = 5 WHERE id = $1`, 5, ""},
		{"an epoch that never was", `UPDATE "user" SET session_epoch = 5 WHERE id = $1`, 6, "unauthenticated"},
		{"shut out", `UPDATE "user" SET active = false WHERE id = $1`, 5, "unauthenticated"},
	} {
		exec(t, db, tc.sql, id)
		if got, err := store.Actor(t.Context(), id, tc.epoch); code(err) != tc.code || err == nil && got.Role != authz.Biller {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
	if _, err := store.Actor(t.Context(), 987654, 0); code(err) != "unauthenticated" {
		t.Errorf("nobody: %v", err)
	}
}

func TestSetPasswordAndEndSessions(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	id := create(t, db, org, "asha")
	admin := pgtest.User(t, db, org, authz.Admin, "")
	stranger := pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")
	store := account.NewStore(db, time.Now)
	set := func(actor authz.Actor, text string) error {
		return db.Tx(t.Context(), func(tx pgx.Tx) error { return account.SetPassword(t.Context(), tx, actor, id, text) })
	}
	end := func(actor authz.Actor) error {
		return db.Tx(t.Context(), func(tx pgx.Tx) error { return account.EndSessions(t.Context(), tx, actor, id) })
	}
	for what, got := range map[string]string{
		"short password":         code(set(admin, "short")),
		"common password":        code(set(admin, "password123")),
		"own name":               code(set(admin, "asha@example.test")),
		"password by a stranger": code(set(stranger, "another good password")),
		"sessions by a stranger": code(end(stranger)),
	} {
		if got != "invalid_password" && got != "user_not_found" {
			t.Errorf("%s: %q", what, got)
		}
	}
	if err := set(admin, "another good password"); err != nil {
		t.Fatal(err)
	}
	if err := end(admin); err != nil {
		t.Fatal(err)
	}
	u, err := store.Login(t.Context(), from, "asha", "another good password")
	if err != nil || u.Epoch != 2 {
		t.Errorf("got %+v, %v", u, err)
	}
	if _, err := store.Login(t.Context(), from, "asha", password); code(err) != "invalid_credentials" {
		t.Errorf("the old password: %v", err)
	}
	if n := audited(t, db, id); n != 3 {
		t.Errorf("%d changes of the user are audited", n)
	}
}

// audited counts the audited changes of a user, logins aside.
func audited(t *testing.T, db *pg.DB, id int64) int {
	t.Helper()
	var n int
	err := db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM audit_log WHERE entity_type = 'user' AND entity_id = $1::bigint::text
		AND action IN ('create_user', 'set_password', 'end_sessions')`, id).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
