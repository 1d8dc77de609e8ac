package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/pgtest"
)

func TestResetPasswordAndUserDeactivate(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	db := pgtest.Open(t, address)
	const password = "seven green bags"
	org := pgtest.Org(t, db)
	for name, role := range map[string]authz.Role{"Asha": authz.Biller, "root": authz.Admin} {
		err := db.Tx(t.Context(), func(tx pgx.Tx) error {
			_, err := account.Create(t.Context(), tx, account.NewUser{OrgID: org, Username: name, Role: role, Password: password})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	command := func(args ...string) (string, error) {
		var out bytes.Buffer
		e := config.Environment{"DATABASE_URL": address, "REDIS_URL": pgtest.Redis(t), "BASE_URL": "https://bags.example.org/"}
		err := run(t.Context(), args, &world{environment: e, out: &out})
		return out.String(), err
	}
	store := account.NewStore(db, time.Now)
	said, err := command("reset-password", "--username", "ASHA")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(said, "\n")
	token, ours := strings.CutPrefix(first, "https://bags.example.org/password/")
	link, err := store.OpenLink(t.Context(), token)
	if !ours || err != nil || link.Username != "Asha" || time.Until(link.Until) > time.Hour {
		t.Fatalf("%q: %+v, %v", said, link, err)
	}
	if _, err := store.UseLink(t.Context(), authz.Actor{}, token, "nine brown sacks"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Login(t.Context(), authz.Actor{}, "asha", "nine brown sacks"); err != nil {
		t.Error(err)
	}
	if _, err := command("user", "deactivate", "--username", "asha"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Login(t.Context(), authz.Actor{}, "asha", "nine brown sacks"); err == nil {
		t.Error("who is shut out logs in")
	}
	for _, refused := range [][]string{
		{"user", "deactivate", "--username", "root"}, // the last admin
		{"user", "deactivate", "--username", "nobody"},
		{"reset-password", "--username", "asha"}, // shut out
		{"reset-password", "--username", "nobody"},
	} {
		if said, err := command(refused...); err == nil {
			t.Errorf("%q: %s", refused, said)
		}
	}
}
