package notify_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/notify"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

func in(t *testing.T, db *pg.DB, do func(tx pgx.Tx) error) {
	t.Helper()
	if err := db.Tx(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

// told gives what somebody was told, the newest first.
func told(t *testing.T, db *pg.DB, who authz.Actor) []string {
	t.Helper()
	list, err := notify.NewStore(db, time.Now).List(t.Context(), who, 50, "")
	if err != nil {
		t.Fatal(err)
	}
	var messages []string
	for _, n := range list.Items {
		messages = append(messages, n.Message)
	}
	return messages
}

func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org, elsewhere := pgtest.Org(t, db), pgtest.Org(t, db)
	admin, second, biller := pgtest.User(t, db, org, authz.Admin, ""), pgtest.User(t, db, org, authz.Admin, ""), pgtest.User(t, db, org, authz.Biller, "")
	stranger := pgtest.User(t, db, elsewhere, authz.Admin, "")
	in(t, db, func(tx pgx.Tx) error {
		return notify.ToAdmins(t.Context(), tx, notify.Admins{OrgID: org, Also: biller.UserID, ButNot: second.UserID}, notify.Notice{Kind: notify.BillCompleted, Message: "bill"})
	})
	in(t, db, func(tx pgx.Tx) error {
		return notify.ToEveryAdmin(t.Context(), tx, notify.Notice{Kind: notify.PoolAlert, Message: "pool"})
	})
	in(t, db, func(tx pgx.Tx) error {
		return notify.ToUser(t.Context(), tx, org, biller.UserID, notify.Notice{Kind: notify.PromotionAnswered, Message: "answer"})
	})
	for _, tc := range []struct {
		who  authz.Actor
		want []string
	}{{admin, []string{"pool", "bill"}}, {second, []string{"pool"}}, {biller, []string{"answer", "bill"}}, {stranger, []string{"pool"}}} {
		if got := told(t, db, tc.who); !slices.Equal(got, tc.want) {
			t.Errorf("%s was told %q, not %q", tc.who.Username, got, tc.want)
		}
	}
}

// TestEveryAdminWithAnAddressIsMailed holds who gets a mail that is for every admin, and that none is written where none is sent.
func TestEveryAdminWithAnAddressIsMailed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org, elsewhere := pgtest.Org(t, db), pgtest.Org(t, db)
	want := []int64{pgtest.User(t, db, org, authz.Admin, "").UserID, pgtest.User(t, db, elsewhere, authz.Admin, "").UserID}
	pgtest.User(t, db, org, authz.Admin, "") // has no address
	gone, biller := pgtest.User(t, db, org, authz.Admin, ""), pgtest.User(t, db, org, authz.Biller, "")
	in(t, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE "user" SET email = 'user' || id || '@example.org', active = id <> $2 WHERE id = ANY ($1)`,
			append([]int64{gone.UserID, biller.UserID}, want...), gone.UserID)
		return err
	})
	for _, on := range []bool{false, true} {
		outbox, err := notify.NewOutbox(on)
		if err != nil {
			t.Fatal(err)
		}
		in(t, db, func(tx pgx.Tx) error { return outbox.MailEveryAdmin(t.Context(), tx, "Pool", "It is full.") })
		err = db.Tx(t.Context(), func(tx pgx.Tx) error {
			return outbox.MailEveryAdmin(t.Context(), tx, "Pool\r\nBcc: mallory@example.org", "")
		})
		if on && err == nil {
			t.Error("a subject of two lines was taken")
		}
		rows, err := db.Pool().Query(t.Context(), `SELECT (args ->> 'user_id')::bigint FROM river.river_job
			WHERE kind = 'mail' AND queue = 'mail' AND args ->> 'subject' = 'Pool' AND args ->> 'text' = 'It is full.' ORDER BY 1`)
		if err != nil {
			t.Fatal(err)
		}
		mailed, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil || on && !slices.Equal(mailed, want) || !on && len(mailed) != 0 {
			t.Errorf("mail is sent: %v; mailed were %v, not %v: %v", on, mailed, want, err)
		}
	}
}
