package org

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/redisdb"
)

// clock is set by hand.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time        { return time.Unix(0, c.at.Load()) }
func (c *clock) move(by time.Duration) { c.at.Add(int64(by)) }

var errAway = errors.New("the database is away")

// counted is a gate on a database, with a count of its reads, and a switch for the database to be away.
func counted(t testing.TB, db *pg.DB, o GateOptions) (*Gate, *atomic.Int64, *atomic.Bool) {
	t.Helper()
	var reads atomic.Int64
	var away atomic.Bool
	return newGate(o, func(ctx context.Context, orgID int64) (billed, error) {
		reads.Add(1)
		if away.Load() {
			return billed{}, errAway
		}
		return readBilling(ctx, New(db.Pool()), orgID)
	}), &reads, &away
}

func set(t testing.TB, db *pg.DB, orgID int64, b Billing) {
	t.Helper()
	if err := db.Tx(context.Background(), func(tx pgx.Tx) error { return SetBilling(context.Background(), tx, authz.Actor{}, orgID, b) }); err != nil {
		t.Fatal(err)
	}
}

// expect asks the gate once.
func expect(t *testing.T, g *Gate, orgID int64, standing Standing, state State) {
	t.Helper()
	access, got := g.Ask(t.Context(), orgID)
	if access.Standing != standing || got != state {
		t.Errorf("got %q as a %s, want %q as a %s", access.Standing, got, standing, state)
	}
}

func TestGateRemembers(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), newClock()
	orgID := pgtest.Org(t, db)
	g, reads, _ := counted(t, db, GateOptions{Cached: true, TTL: 40 * time.Second, Now: c.now})
	expect(t, g, orgID, Exempt, Miss)
	set(t, db, orgID, Billing{Standing: Suspended})
	c.move(35 * time.Second) // less a tenth for the jitter: still remembered
	expect(t, g, orgID, Exempt, Hit)
	c.move(6 * time.Second)
	expect(t, g, orgID, Suspended, Miss)
	set(t, db, orgID, Billing{Standing: Active})
	g.Forget(orgID + 1)
	expect(t, g, orgID, Suspended, Hit)
	g.Forget(orgID)
	expect(t, g, orgID, Active, Miss)
	g.Forget(0)
	expect(t, g, orgID, Active, Miss)
	if n := reads.Load(); n != 4 {
		t.Errorf("%d reads", n)
	}
}

func TestGateWithoutCache(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), newClock()
	orgID := pgtest.Org(t, db)
	g, reads, away := counted(t, db, GateOptions{Now: c.now})
	expect(t, g, orgID, Exempt, Bypass)
	set(t, db, orgID, Billing{Standing: Active})
	expect(t, g, orgID, Active, Bypass)
	if n := reads.Load(); n != 2 {
		t.Errorf("%d reads", n)
	}
	away.Store(true)
	expect(t, g, orgID, Active, Stale)
}

// While the database is away: the last answer for ten minutes, then reads pass and writes stop, and it is not asked more
// than once a second.
func TestGateWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), newClock()
	orgID := pgtest.Org(t, db)
	set(t, db, orgID, Billing{Standing: Active})
	g, reads, away := counted(t, db, GateOptions{Cached: true, Now: c.now})
	expect(t, g, orgID, Active, Miss)
	away.Store(true)
	c.move(time.Minute)
	for range 50 {
		access, state := g.Ask(t.Context(), orgID)
		if !access.Write || state != Stale {
			t.Fatalf("a minute later: %+v, %s", access, state)
		}
	}
	if n := reads.Load(); n != 2 {
		t.Errorf("%d reads while the database was away", n-1)
	}
	c.move(8*time.Minute + 59*time.Second)
	expect(t, g, orgID, Active, Stale)
	c.move(time.Second)
	for range 50 {
		access, state := g.Ask(t.Context(), orgID)
		if !access.Read || access.Write || state != Error {
			t.Fatalf("ten minutes later: %+v, %s", access, state)
		}
	}
	away.Store(false)
	c.move(2 * time.Second)
	expect(t, g, orgID, Active, Miss)
	expect(t, g, orgID, Active, Hit)
}

func TestGateReadsOnceForAThousand(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), newClock()
	orgID := pgtest.Org(t, db)
	g, reads, _ := counted(t, db, GateOptions{Cached: true, Now: c.now})
	var ready, all sync.WaitGroup
	ready.Add(1)
	for range 1000 {
		all.Go(func() {
			ready.Wait()
			if access, _ := g.Ask(t.Context(), orgID); !access.Write {
				t.Error("refused")
			}
		})
	}
	ready.Done()
	all.Wait()
	if n := reads.Load(); n != 1 {
		t.Errorf("%d reads for 1000 who asked at once", n)
	}
}

// A read that began before a change must not be remembered after it.
func TestGateForgetsWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	c := newClock()
	begun, proceed := make(chan struct{}), make(chan struct{})
	var reads atomic.Int64
	g := newGate(GateOptions{Cached: true, Now: c.now}, func(context.Context, int64) (billed, error) {
		if reads.Add(1) == 1 {
			close(begun)
			<-proceed
			return billed{Billing: Billing{Standing: Active}, location: time.UTC}, nil
		}
		return billed{Billing: Billing{Standing: Suspended}, location: time.UTC}, nil
	})
	var first sync.WaitGroup
	first.Go(func() { g.Ask(t.Context(), 1) })
	<-begun
	g.Forget(1)
	expect(t, g, 1, Suspended, Miss) // does not wait for the first
	close(proceed)
	first.Wait()
	if access, _ := g.Ask(t.Context(), 1); access.Standing != Suspended {
		t.Errorf("an overtaken read was remembered: %q", access.Standing)
	}
}

func TestSetBillingIsAudited(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	orgID := pgtest.Org(t, db)
	set(t, db, orgID, Billing{Standing: PastDue, Since: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), GraceDays: 5, TrialEnds: time.Now()})
	set(t, db, orgID, Billing{Standing: Active})
	var before, after string
	err := db.Pool().QueryRow(t.Context(), `SELECT string_agg(before_state ->> 'standing', ',' ORDER BY id), string_agg(after_state ->> 'standing', ',' ORDER BY id)
		FROM audit_log WHERE org_id = $1 AND action = 'set_billing'`, orgID).Scan(&before, &after)
	if err != nil || before != "exempt,past_due" || after != "past_due,active" {
		t.Errorf("before %q, after %q, %v", before, after, err)
	}
	for wrong, b := range map[int64]Billing{orgID: {Standing: "free"}, orgID + 1: {Standing: Active}} {
		err := db.Tx(t.Context(), func(tx pgx.Tx) error { return SetBilling(t.Context(), tx, authz.Actor{}, wrong, b) })
		if errs.As(err) == nil {
			t.Errorf("%v of organization %d: %v", b, wrong, err)
		}
	}
}

// A change is followed within a second, by Redis and by PostgreSQL, whichever is there.
func TestWatchFollowsChanges(t *testing.T) {
	t.Parallel()
	for name, withRedis := range map[string]bool{"redis and postgres": true, "postgres alone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			db := pgtest.Open(t, url)
			orgID := pgtest.Org(t, db)
			var redis *redisdb.DB
			if withRedis {
				var err error
				if redis, err = redisdb.Open(pgtest.Redis(t)); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = redis.Close() }()
			}
			heard := make(chan int64, 100)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			listener := pg.NewListener(url)
			watch := NewWatch(listener, redis, func(id int64) { heard <- id })
			running.Go(func() { _ = listener.Run(ctx) })
			running.Go(func() { _ = watch.Run(ctx) })
			defer running.Wait()
			defer cancel()
			for range map[bool]int{true: 2, false: 1}[withRedis] { // each begins with "anything may have changed"
				if id := wait(t, heard); id != 0 {
					t.Fatalf("it began with %d", id)
				}
			}
			set(t, db, orgID, Billing{Standing: Active})
			if id := told(t, heard); id != orgID {
				t.Errorf("PostgreSQL told of %d", id)
			}
			if withRedis {
				if id := announced(t, redis, orgID, heard); id != orgID {
					t.Errorf("Redis told of %d", id)
				}
			}
		})
	}
}

// announced announces a change until it is heard: a busy machine's Redis may miss its budget, and that is no failure.
func announced(t *testing.T, redis *redisdb.DB, orgID int64, heard <-chan int64) int64 {
	t.Helper()
	for range 120 {
		Announce(t.Context(), redis, orgID)
		select {
		case id := <-heard:
			if id != 0 {
				return id
			}
		case <-time.After(500 * time.Millisecond):
		}
	}
	t.Fatal("nothing was heard")
	return 0
}

// told gives the organization that is told of next. That anything may have changed is told once more by a listener whom a busy
// machine has kept waiting, and who has come back.
func told(t *testing.T, heard <-chan int64) int64 {
	t.Helper()
	for {
		if id := wait(t, heard); id != 0 {
			return id
		}
	}
}

func wait(t *testing.T, heard <-chan int64) int64 {
	t.Helper()
	select {
	case id := <-heard:
		return id
	case <-time.After(time.Minute):
		t.Fatal("nothing was heard")
		return 0
	}
}

func BenchmarkHotGate(b *testing.B) {
	db := pgtest.New(b)
	for name, billing := range map[string]Billing{"exempt": {Standing: Exempt}, "past due": {Standing: PastDue, Since: time.Now(), GraceDays: 7}} {
		b.Run(name, func(b *testing.B) {
			orgID := pgtest.Org(b, db)
			set(b, db, orgID, billing)
			g := NewGate(db, GateOptions{Cached: true, TTL: 5 * time.Minute, Now: time.Now})
			g.Ask(b.Context(), orgID)
			for b.Loop() {
				g.Ask(b.Context(), orgID)
			}
		})
	}
}
