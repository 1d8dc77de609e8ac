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

// TestSessionsEnd ends the sessions of one, and then of all, in two organizations.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	ids := map[string]int64{}
	err := db.Tx(t.Context(), func(tx pgx.Tx) error {
		for _, name := range []string{"asha", "ravi"} {
			n := account.NewUser{OrgID: pgtest.Org(t, db), Username: name, Role: authz.Biller, Password: "seven green bags"}
			id, err := account.Create(t.Context(), tx, n)
			if err != nil {
				return err
			}
			ids[name] = id
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	e := config.Environment{"DATABASE_URL": url, "REDIS_URL": pgtest.Redis(t)}
	command := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"sessions", "end"}, args...), &world{environment: e, out: &out})
		return out.String(), err
	}
	goesOn := func(name string, epoch int64) bool {
		_, err := account.NewStore(db, time.Now).Actor(t.Context(), ids[name], epoch)
		return err == nil
	}
	for _, bad := range [][]string{{}, {"--username", "nobody"}, {"--all", "--username", "asha"}} {
		if out, err := command(bad...); err == nil {
			t.Errorf("%q: %s", bad, out)
		}
	}
	if !goesOn("asha", 0) || !goesOn("ravi", 0) {
		t.Fatal("a refused command ends sessions")
	}
	if out, err := command("--username", "ASHA"); err != nil || !strings.Contains(out, "asha is logged out") {
		t.Errorf("%s: %v", out, err)
	}
	if goesOn("asha", 0) || !goesOn("asha", 1) || !goesOn("ravi", 0) {
		t.Error("one user: not that one alone")
	}
	if out, err := command("--all"); err != nil || !strings.Contains(out, "2 users") {
		t.Errorf("%s: %v", out, err)
	}
	if goesOn("asha", 1) || goesOn("ravi", 0) {
		t.Error("all: not all")
	}
	var one, all int
	err = db.Pool().QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE action = 'end_sessions'), count(DISTINCT org_id) FILTER (WHERE action = 'end_every_session') FROM audit_log`).Scan(&one, &all)
	if err != nil || one != 1 || all != 2 {
		t.Errorf("audited: %d and %d, %v", one, all, err)
	}
}
