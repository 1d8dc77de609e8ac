package account_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

const password = "seven green bags"

var from = authz.Actor{Address: "203.0.113.9", Device: "Chrome on Android", Request: "req-login"}

// create makes a user who can log in.
func create(t *testing.T, db *pg.DB, orgID int64, username string) int64 {
	t.Helper()
	var id int64
	err := db.Tx(t.Context(), func(tx pgx.Tx) error {
		var err error
		id, err = account.Create(t.Context(), tx, account.NewUser{OrgID: orgID, Username: username, Email: username + "@example.test",
			Role: authz.Dispatcher, Area: "North", Password: password})
		return err
	})
	if err != nil {
		t.Fatalf("create %s: %v", username, err)
	}
	return id
}

func exec(t *testing.T, db *pg.DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	id := create(t, db, org, "Asha")
	create(t, db, org, "gone")
	exec(t, db, `UPDATE "user" SET active = false WHERE username = 'gone'`)
	pgtest.User(t, db, org, authz.Biller, "")
	exec(t, db, `UPDATE "user" SET username = 'unset' WHERE password_hash = '-'`)
	store := account.NewStore(db, time.Now)
	for _, tc := range []struct{ name, username, password, code string }{
		{"right", "Asha", password, ""},
		{"another case, and what a keyboard adds", " aSHA\u200b\r\n", password, ""},
		{"wrong password", "Asha", "seven green bagz", "invalid_credentials"},
		{"no password", "Asha", "", "invalid_credentials"},
		{"a password of a megabyte", "Asha", strings.Repeat("x", 1<<20), "invalid_credentials"},
		{"unknown name", "nobody", password, "invalid_credentials"},
		{"no name", "", password, "invalid_credentials"},
		{"a name that is no text", "\x00\xff'; --", password, "invalid_credentials"},
		{"a name of a megabyte", strings.Repeat("a", 1<<20), password, "invalid_credentials"},
		{"shut account", "gone", password, "invalid_credentials"},
		{"no password kept", "unset", "-", "invalid_credentials"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u, err := store.Login(t.Context(), from, tc.username, tc.password)
			if tc.code == "" {
				want := account.User{ID: id, OrgID: org, Username: "Asha", Role: authz.Dispatcher, Area: "North"}
				if err != nil || u != want {
					t.Errorf("got %+v, %v", u, err)
				}
				return
			}
			refused := errs.As(err)
			if refused == nil || refused.Kind != errs.Unauthenticated || refused.Code != tc.code || u != (account.User{}) {
				t.Errorf("got %+v, %v", u, err)
			}
		})
	}
}

func TestLoginIsAudited(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	id := create(t, db, org, "asha")
	store := account.NewStore(db, time.Now)
	_, _ = store.Login(t.Context(), from, "asha", "wrong password")
	_, _ = store.Login(t.Context(), from, "mallory", "wrong password")
	_, _ = store.Login(t.Context(), from, "asha", password)
	type row struct {
		Action, Username, Address, Request string
		Org, User                          int64
	}
	rows, err := db.Pool().Query(t.Context(), `SELECT action, details->>'username', ip_address, request_id, org_id, coalesce(user_id, 0)
		FROM audit_log WHERE action IN ('login_failed', 'login_success') AND timestamp > now() - interval '1 hour' ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	want := []row{
		{"login_failed", "asha", from.Address, from.Request, org, 0},
		{"login_failed", "mallory", from.Address, from.Request, org, 0}, // there is no other organization that could be meant
		{"login_success", "asha", from.Address, from.Request, org, id},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	var sealed int
	err = db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM sealed.audit_log a WHERE a::text ~ 'asha|mallory|203\.0\.113'`).Scan(&sealed)
	if err != nil || sealed != 0 {
		t.Errorf("%d rows of the log itself name a person (%v)", sealed, err)
	}
}

func TestLoginsAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	create(t, db, pgtest.Org(t, db), "asha")
	store := account.NewStore(db, time.Now)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := store.Login(t.Context(), from, "asha", password); err != nil {
				t.Errorf("login: %v", err)
			}
		})
	}
	wait.Wait()
}

func TestWithoutADatabaseNobodyIsWrong(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := account.NewStore(db, time.Now)
	db.Close()
	if _, err := store.Login(t.Context(), from, "asha", password); err == nil || errs.As(err) != nil && errs.As(err).Kind == errs.Unauthenticated {
		t.Errorf("got %v", err)
	}
	if _, err := store.Actor(t.Context(), 1, 0); err == nil || errs.As(err) != nil && errs.As(err).Kind == errs.Unauthenticated {
		t.Errorf("got %v", err)
	}
}
