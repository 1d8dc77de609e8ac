package bill_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/pgtest"
)

func TestACompletedBillIsTold(t *testing.T) {
	t.Parallel()
	o := open(t)
	org := o.who.OrgID
	maker, other, gone := pgtest.User(t, o.db, org, authz.Biller, ""), pgtest.User(t, o.db, org, authz.Biller, ""), pgtest.User(t, o.db, org, authz.Admin, "")
	boss, stranger := pgtest.User(t, o.db, org, authz.Admin, ""), pgtest.User(t, o.db, pgtest.Org(t, o.db), authz.Admin, "")
	if _, err := o.db.Pool().Exec(t.Context(), `UPDATE "user" SET active = false WHERE id = $1`, gone.UserID); err != nil {
		t.Fatal(err)
	}
	o.fill(t, "SB00001", 2)
	admin := o.who
	o.who = maker
	o.create(t, "INV/1", 1)
	o.who = admin
	complete := func(who authz.Actor) {
		t.Helper()
		if _, err := o.bills.Complete(t.Context(), who, "inv/1"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.bills.Complete(t.Context(), admin, "INV/1"); err == nil {
		t.Fatal("an empty bill was completed")
	}
	if _, err := o.bills.Add(t.Context(), admin, "INV/1", "SB00001", nil); err != nil {
		t.Fatal(err)
	}
	complete(admin)
	complete(other) // it is completed already: nobody is told twice
	rows, err := o.db.Pool().Query(t.Context(), `SELECT user_id, kind, message, link, subject_id FROM notification ORDER BY user_id`)
	if err != nil {
		t.Fatal(err)
	}
	type told struct {
		User                int64
		Kind, Message, Link string
		Subject             int64
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[told])
	message := admin.Username + " completed bill INV/1 with 1 parent."
	want := []told{{maker.UserID, "bill_completed", message, "/bills/INV%2F1", admin.UserID}, {boss.UserID, "bill_completed", message, "/bills/INV%2F1", admin.UserID}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, not %+v; a stranger is %d", got, err, want, stranger.UserID)
	}
}
