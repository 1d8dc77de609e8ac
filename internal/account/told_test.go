package account_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// TestEveryChangeOfStandingIsTold changes users behind the program's back, one for each way, and hears which of them it is told of.
func TestEveryChangeOfStandingIsTold(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	orgID := pgtest.Org(t, db)
	const enrol = `INSERT INTO totp (org_id, user_id, key_id, sealed, created_at) SELECT org_id, id, 'key', '', now() FROM "user" WHERE id = $1`
	changes := []struct {
		before, change string
		told           bool
	}{
		{"", `UPDATE "user" SET username = username || 'x' WHERE id = $1`, true},
		{"", `UPDATE "user" SET role = 'biller' WHERE id = $1`, true},
		{"", `UPDATE "user" SET area = 'North' WHERE id = $1`, true},
		{"", `UPDATE "user" SET active = false WHERE id = $1`, true},
		{"", `UPDATE "user" SET session_epoch = session_epoch + 1 WHERE id = $1`, true},
		{"", `UPDATE "user" SET must_change_password = true WHERE id = $1`, true},
		{"", `DELETE FROM "user" WHERE id = $1`, true},
		{"", enrol, true},
		{enrol, `UPDATE totp SET confirmed_at = now() WHERE user_id = $1`, true},
		{enrol, `DELETE FROM totp WHERE user_id = $1`, true},
		{"", `UPDATE "user" SET password_hash = 'another' WHERE id = $1`, false},
		{"", `UPDATE "user" SET role = role WHERE id = $1`, false},
		{enrol, `UPDATE totp SET last_step = 7 WHERE user_id = $1`, false}, // each login with a code does it
		{"", `UPDATE "user" SET area = 'South' WHERE id = $1`, true},       // what comes last is told, so that silence is heard too
	}
	users := make([]int64, len(changes))
	for i, c := range changes {
		users[i] = pgtest.User(t, db, orgID, authz.Dispatcher, "").UserID
		if c.before != "" {
			run(t, db, c.before, users[i])
		}
	}
	heard := hear(t, url)
	for i, c := range changes {
		run(t, db, c.change, users[i])
		if !c.told {
			continue
		}
		if got := heard(); got != strconv.FormatInt(users[i], 10) {
			t.Errorf("%s: told of user %s, not of %d", c.change, got, users[i])
		}
	}
}

// hear gives what is told of users next. It listens by itself: a listener of the program may miss what comes while a busy machine
// holds it up, and would say so.
func hear(t *testing.T, url string) func() string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		_, err = conn.Exec(t.Context(), "LISTEN traitortrack_user")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		notice, err := conn.WaitForNotification(ctx)
		if err != nil {
			t.Fatalf("nothing is told: %v", err)
		}
		return notice.Payload
	}
}

func run(t *testing.T, db *pg.DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
