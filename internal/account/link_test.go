package account_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/notify"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// newLink makes a link for a user.
func newLink(t *testing.T, db *pg.DB, store *account.Store, actor authz.Actor, id int64, purpose account.Purpose) account.Link {
	t.Helper()
	var link account.Link
	err := db.Tx(t.Context(), func(tx pgx.Tx) error {
		var err error
		link, err = store.NewLink(t.Context(), tx, actor, id, purpose)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// TestALinkWorksOnce lets many use one link at the same moment.
func TestALinkWorksOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	id := create(t, db, org, "asha")
	admin := pgtest.User(t, db, org, authz.Admin, "")
	store := account.NewStore(db, time.Now)
	link := newLink(t, db, store, admin, id, account.Reset)
	passwords := []string{"one brown sack here", "two brown sacks here", "three brown sacks here", "four brown sacks here"}
	answers := make([]string, len(passwords))
	var running sync.WaitGroup
	for i, p := range passwords {
		running.Go(func() {
			_, err := store.UseLink(t.Context(), authz.Actor{}, link.Token, p)
			answers[i] = code(err)
		})
	}
	running.Wait()
	winner := slices.Index(answers, "")
	slices.Sort(answers)
	if !slices.Equal(answers, []string{"", "link_invalid", "link_invalid", "link_invalid"}) {
		t.Fatalf("answers %q", answers)
	}
	if _, err := store.Login(t.Context(), authz.Actor{}, "asha", passwords[winner]); err != nil {
		t.Errorf("the password of the one whose link it was: %v", err)
	}
}

func TestHowLongALinkIsGood(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	admin := pgtest.User(t, db, org, authz.Admin, "")
	now := time.Now()
	store := account.NewStore(db, func() time.Time { return now })
	for name, tc := range map[string]struct {
		purpose account.Purpose
		good    time.Duration
	}{"asha": {account.Reset, time.Hour}, "ravi": {account.Invitation, 7 * 24 * time.Hour}} {
		id, begun := create(t, db, org, name), now
		link := newLink(t, db, store, admin, id, tc.purpose)
		now = begun.Add(tc.good - time.Second)
		if opened, err := store.OpenLink(t.Context(), link.Token); err != nil || opened.Username != name || opened.Purpose != tc.purpose {
			t.Errorf("%s, just before its end: %+v, %v", tc.purpose, opened, err)
		}
		now = begun.Add(tc.good)
		if _, err := store.OpenLink(t.Context(), link.Token); code(err) != "link_invalid" {
			t.Errorf("%s, at its end: %v", tc.purpose, err)
		}
		if _, err := store.UseLink(t.Context(), authz.Actor{}, link.Token, "nine brown sacks"); code(err) != "link_invalid" {
			t.Errorf("%s is used at its end: %v", tc.purpose, err)
		}
	}
	now = now.Add(30 * 24 * time.Hour)
	if err := store.SweepLinks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, `SELECT count(*) FROM password_link`); n != 0 {
		t.Errorf("%d links are left", n)
	}
}

func TestALinkUnlocksAndIsAudited(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	id := create(t, db, org, "asha")
	admin := pgtest.User(t, db, org, authz.Admin, "")
	store := account.NewStore(db, time.Now)
	for range 5 {
		_, _ = store.Login(t.Context(), authz.Actor{}, "asha", "wrong bags") // each is refused
	}
	link := newLink(t, db, store, admin, id, account.Reset)
	if _, err := store.UseLink(t.Context(), authz.Actor{Address: "192.0.2.9", Request: "r1"}, link.Token, "nine brown sacks"); err != nil {
		t.Fatal(err)
	}
	user, err := store.Login(t.Context(), authz.Actor{}, "asha", "nine brown sacks")
	if err != nil || user.Epoch != 1 {
		t.Errorf("got %+v, %v", user, err)
	}
	if n := count(t, db, `SELECT count(*) FROM audit_log WHERE action = 'set_password' AND user_id = $1 AND org_id = $2
		AND ip_address = '192.0.2.9' AND request_id = 'r1' AND details->>'by' = 'reset'`, id, org); n != 1 {
		t.Errorf("%d lines of the audit log", n)
	}
	if n := count(t, db, `SELECT count(*) FROM password_link WHERE encode(token_hash, 'escape') LIKE '%' || $1 || '%'`, link.Token); n != 0 {
		t.Error("the token itself is kept")
	}
}

// TestForgotTellsNothing measures that the answer takes the same time whether or not somebody has the address. The median of many
// is compared, and each pair comes one after the other, so that a busy machine is busy for both. Where it was not, they are asked once
// more: what tells them apart does so each time.
func TestForgotTellsNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	id := create(t, db, pgtest.Org(t, db), "asha")
	exec(t, db, `UPDATE "user" SET email = 'asha@example.org' WHERE id = $1`, id)
	store := account.NewStore(db, time.Now)
	var err error
	if store.Outbox, err = notify.NewOutbox(true); err != nil {
		t.Fatal(err)
	}
	took := func(typed string) time.Duration {
		begun := time.Now()
		if err := store.Forgot(t.Context(), authz.Actor{Address: "192.0.2.7"}, typed); err != nil {
			t.Fatal(err)
		}
		return time.Since(begun)
	}
	asked := 0
	for try, alike := 0, false; !alike; try++ {
		var known, unknown []time.Duration
		for range 40 {
			known, unknown = append(known, took("asha@example.org")), append(unknown, took("nobody@example.org"))
			asked++
		}
		slices.Sort(known)
		slices.Sort(unknown)
		a, b := known[20], unknown[20]
		t.Logf("known %s, unknown %s", a, b)
		if alike = 2*a <= 3*b && 2*b <= 3*a; !alike && try == 4 {
			t.Errorf("somebody: %s, nobody: %s", a, b)
			break
		}
	}
	if n := count(t, db, `SELECT count(*) FROM password_link`); n != asked {
		t.Errorf("%d links, of %d that were asked for", n, asked)
	}
	if n := count(t, db, `SELECT count(*) FROM river.river_job WHERE kind = 'mail_link'`); n != asked {
		t.Errorf("%d mails, of %d that were asked for", n, asked)
	}
	if n := count(t, db, `SELECT count(*) FROM audit_log WHERE action = 'reset_unknown'`); n != asked {
		t.Errorf("%d lines of the audit log about nobody", n)
	}
}
