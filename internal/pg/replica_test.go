package pg_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"traitortrack/internal/devstack"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// stack starts servers of the test's own.
func stack(t *testing.T, o devstack.Options) *devstack.Stack {
	t.Helper()
	if o.Temporary = true; o.Dir == "" {
		o.Dir = pgtest.Folder(t)
	}
	s, err := devstack.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() }) // a test may have stopped it
	return s
}

func open(t *testing.T, url string) *pg.DB {
	t.Helper()
	db, err := pg.Open(t.Context(), pg.Options{URL: url, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// seen gives whether a view was answered by the replica, and the number that it read.
func seen(t *testing.T, ctx context.Context, db *pg.DB) (bool, int) {
	t.Helper()
	var onReplica bool
	var n int
	err := db.View(ctx, func(tx pg.Tx) error {
		return tx.QueryRow(ctx, "SELECT pg_is_in_recovery(), n FROM told").Scan(&onReplica, &n)
	})
	if err != nil {
		t.Fatalf("a view: %v", err)
	}
	return onReplica, n
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

// listenInVain tries to listen at a standby for a while.
func listenInVain(t *testing.T, url string, long time.Duration) {
	t.Helper()
	l := pg.NewListener(url)
	l.On("told", func(string) { t.Error("a standby let somebody listen") })
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	if err := l.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestReplica holds that a replica is read while it keeps up, and that nobody notices when it does not, or is gone.
func TestReplica(t *testing.T) {
	t.Parallel()
	primary := stack(t, devstack.Options{})
	replica := stack(t, devstack.Options{Follow: primary.DatabaseURL})
	db := open(t, primary.DatabaseURL)
	standby := open(t, replica.DatabaseURL)
	if err := db.Follow(t.Context(), pg.Options{URL: replica.DatabaseURL, MaxConns: 4}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- db.Watch(ctx) }()
	defer func() { stop(); <-ended }()
	exec := func(db *pg.DB, sql string) {
		t.Helper()
		if _, err := db.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(db, "CREATE TABLE told AS SELECT 1 AS n")

	eventually(t, "that the replica is read", func() bool { on, _ := seen(t, t.Context(), db); return on })
	listenInVain(t, replica.DatabaseURL, 2*time.Second) // while nobody writes, a replica does not fall behind
	var left int
	err := standby.Pool().QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", pg.ListenerName).Scan(&left)
	if err != nil || left > 1 { // one may be about to close
		t.Errorf("whoever may not listen has left %d connections open: %v", left, err)
	}
	for n := 0; ; n++ {
		if on, _ := seen(t, t.Context(), db); on {
			break
		}
		if n == 20 { // looks that a busy machine held up
			t.Fatal("a replica that has everything is not read")
		}
		time.Sleep(100 * time.Millisecond)
	}
	if on, _ := seen(t, pg.Fresh(t.Context()), db); on {
		t.Error("somebody who has just written reads from the replica")
	}

	exec(standby, "SELECT pg_wal_replay_pause()")
	exec(db, "UPDATE told SET n = 2")
	eventually(t, "that a replica which stands still is not read", func() bool { on, n := seen(t, t.Context(), db); return !on && n == 2 })
	exec(standby, "SELECT pg_wal_replay_resume()")
	eventually(t, "that it is read again", func() bool { on, n := seen(t, t.Context(), db); return on && n == 2 })

	if err := replica.Stop(); err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for range 20 {
		begun := time.Now()
		if on, n := seen(t, t.Context(), db); on || n != 2 {
			t.Errorf("without the replica: %v %d", on, n)
		}
		took = append(took, time.Since(begun))
	}
	if slices.Sort(took); took[10] > 1500*time.Millisecond || took[19] > 15*time.Second {
		t.Errorf("without the replica: half of the views took %s and more, the slowest %s", took[10], took[19])
	}
}
