package account_test

import (
	"fmt"
	"slices"
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

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func count(t *testing.T, db *pg.DB, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := db.Pool().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func TestFiveFailuresLockTheTypedName(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	create(t, db, org, "asha")
	admin := pgtest.User(t, db, org, authz.Admin, "")
	hands := &clock{at: time.Now().Truncate(time.Second)}
	store := account.NewStore(db, hands.now)
	for _, name := range []string{"asha", "nobody"} {
		for n := range 5 {
			if _, err := store.Login(t.Context(), from, " "+name, "wrong password"); code(err) != "invalid_credentials" {
				t.Errorf("%s, failure %d: %v", name, n+1, err)
			}
		}
		_, err := store.Login(t.Context(), from, name, password)
		refused := errs.As(err)
		if refused == nil || refused.Kind != errs.Locked || refused.Code != "account_locked" || refused.Extra["retry_after"] != "1800" {
			t.Errorf("%s: %v %v", name, err, refused)
		}
	}
	if n := count(t, db, `SELECT count(*) FROM notification WHERE user_id = $1 AND kind = 'account_locked' AND message LIKE '%asha%'`, admin.UserID); n != 1 {
		t.Errorf("the admin has %d notices", n)
	}
	if n := count(t, db, `SELECT count(*) FROM audit_log WHERE action = 'account_locked'`); n != 2 {
		t.Errorf("%d locks are audited", n)
	}
	if n := count(t, db, `SELECT count(*) FROM audit_log WHERE action = 'login_failed' AND details->>'username' = 'nobody'`); n != 6 {
		t.Errorf("%d failures of nobody are audited", n)
	}
	hands.advance(30 * time.Minute)
	if _, err := store.Login(t.Context(), from, "asha", password); err != nil {
		t.Errorf("after half an hour: %v", err)
	}
}

func TestARightPasswordForgetsFailures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	create(t, db, pgtest.Org(t, db), "asha")
	store := account.NewStore(db, time.Now)
	for range 3 {
		for range 4 {
			if _, err := store.Login(t.Context(), from, "asha", "wrong password"); code(err) != "invalid_credentials" {
				t.Fatal(err)
			}
		}
		if _, err := store.Login(t.Context(), from, "asha", password); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	create(t, db, org, "asha")
	admin := pgtest.User(t, db, org, authz.Admin, "")
	store := account.NewStore(db, time.Now)
	for range 5 {
		_, _ = store.Login(t.Context(), from, "asha", "wrong password")
	}
	unlock := func() bool {
		var done bool
		err := db.Tx(t.Context(), func(tx pgx.Tx) error {
			var err error
			done, err = account.Unlock(t.Context(), tx, admin, "ASHA")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if !unlock() || unlock() {
		t.Error("unlocking says something else than what it did")
	}
	if _, err := store.Login(t.Context(), from, "asha", password); err != nil {
		t.Errorf("after unlocking: %v", err)
	}
	if n := count(t, db, `SELECT count(*) FROM audit_log WHERE action = 'unlock_account' AND user_id = $1`, admin.UserID); n != 1 {
		t.Errorf("audited %d times", n)
	}
}

// Of fifty guesses at once exactly five are answered; the right one among the others is not told from a wrong one.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	create(t, db, pgtest.Org(t, db), "asha")
	stores := []*account.Store{account.NewStore(db, time.Now), account.NewStore(db, time.Now)}
	var mu sync.Mutex
	answers := map[string]int{}
	var wait sync.WaitGroup
	for n := range 50 {
		wait.Go(func() {
			_, err := stores[n%2].Login(t.Context(), from, "asha", fmt.Sprintf("wrong password %d", n))
			mu.Lock()
			defer mu.Unlock()
			answers[code(err)]++
		})
	}
	wait.Wait()
	if answers["invalid_credentials"] != 5 || answers["account_locked"] != 45 {
		t.Errorf("answers: %v", answers)
	}
	if n := count(t, db, `SELECT failures FROM login_lock`); n != 5 {
		t.Errorf("%d failures are counted", n)
	}
	if _, err := stores[0].Login(t.Context(), from, "asha", password); code(err) != "account_locked" {
		t.Errorf("the sixth guess: %v", err)
	}
}

// A wrong name takes as long as a wrong password, so that its time does not tell. Without the same work for both, they differ a
// hundredfold. It runs by itself, and where medians differ the quickest decide: a busy machine only ever adds.
func TestAWrongNameTakesAsLongAsAWrongPassword(t *testing.T) {
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	const rounds = 15
	for n := range rounds {
		create(t, db, org, fmt.Sprintf("user%d", n))
	}
	store := account.NewStore(db, time.Now)
	var known, unknown []time.Duration
	for n := range rounds {
		for _, try := range []struct {
			name string
			into *[]time.Duration
		}{{fmt.Sprintf("user%d", n), &known}, {fmt.Sprintf("nobody%d", n), &unknown}} {
			start := time.Now()
			_, _ = store.Login(t.Context(), from, try.name, "wrong password")
			*try.into = append(*try.into, time.Since(start))
		}
	}
	slices.Sort(known)
	slices.Sort(unknown)
	apart := func(n int) bool { return known[n] > 2*unknown[n] || unknown[n] > 2*known[n] }
	if apart(rounds/2) && apart(0) {
		t.Errorf("medians: %v for a known name, %v for an unknown one; the quickest %v and %v", known[rounds/2], unknown[rounds/2], known[0], unknown[0])
	}
}
