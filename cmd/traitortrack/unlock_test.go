package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/pgtest"
)

func TestUnlock(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	const password = "seven green bags"
	n := account.NewUser{OrgID: pgtest.Org(t, db), Username: "Asha", Role: authz.Biller, Password: password}
	err := db.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := account.Create(t.Context(), tx, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	store := account.NewStore(db, time.Now)
	for range 5 {
		_, _ = store.Login(t.Context(), authz.Actor{}, "asha", "wrong bags") // each is refused
	}
	if _, err := store.Login(t.Context(), authz.Actor{}, "Asha", password); err == nil {
		t.Fatal("five failures lock nothing")
	}
	e := config.Environment{"DATABASE_URL": url, "REDIS_URL": pgtest.Redis(t)}
	command := func() error {
		return run(t.Context(), []string{"unlock", "--username", "ASHA"}, &world{environment: e, out: &bytes.Buffer{}})
	}
	if err := command(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Login(t.Context(), authz.Actor{}, "Asha", password); err != nil {
		t.Errorf("after the unlocking: %v", err)
	}
	var org int64
	if err := db.Pool().QueryRow(t.Context(), "SELECT org_id FROM audit_log WHERE action = 'unlock_account'").Scan(&org); err != nil || org != n.OrgID {
		t.Errorf("audited for organization %d, %v", org, err)
	}
	if err := command(); err == nil {
		t.Error("a name that is not locked was unlocked")
	}
}
