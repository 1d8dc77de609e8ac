package redisdb_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"traitortrack/internal/pgtest"
	"traitortrack/internal/redisdb"
)

func open(t *testing.T, url string) *redisdb.DB {
	t.Helper()
	db, err := redisdb.Open(url)
	return opened(t, db, err)
}

// patient opens a Redis that has the time which a busy machine may take.
func patient(t *testing.T, url string) *redisdb.DB {
	t.Helper()
	db, err := redisdb.OpenPatient(url, time.Minute)
	return opened(t, db, err)
}

func opened(t *testing.T, db *redisdb.DB, err error) *redisdb.DB {
	t.Helper()
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func TestKeepsAndFinds(t *testing.T) {
	t.Parallel()
	db := patient(t, pgtest.Redis(t))
	ctx := t.Context()
	var text string
	err := db.Do(ctx, func(ctx context.Context, c redisdb.Commands) error {
		if err := c.Set(ctx, "redisdb-test", "kept", time.Minute).Err(); err != nil {
			return err
		}
		var err error
		text, err = c.Get(ctx, "redisdb-test").Result()
		return err
	})
	if err != nil || text != "kept" {
		t.Fatalf("got %q, %v", text, err)
	}
	for range 10 {
		err = db.Do(ctx, func(ctx context.Context, c redisdb.Commands) error { return c.Get(ctx, "redisdb-none").Err() })
		if !errors.Is(err, redisdb.ErrNothing) || errors.Is(err, redisdb.ErrAway) {
			t.Fatalf("a key that is not there: %v", err)
		}
	}
	if db.State() != redisdb.Working {
		t.Errorf("state %q after keys that are not there", db.State())
	}
}

func TestNeverConfigured(t *testing.T) {
	t.Parallel()
	db := open(t, "")
	if db != nil {
		t.Fatal("an empty address is no Redis")
	}
	if err := db.WithBudget(time.Second).Ping(t.Context()); !errors.Is(err, redisdb.ErrAway) {
		t.Errorf("ping: %v", err)
	}
	if db.State() != redisdb.Absent {
		t.Errorf("state %q", db.State())
	}
}

// A call to a Redis that hangs opens a connection anew, so the connections tell how many calls were waited for: three, and
// then one a second.
func TestHangingIsLeftAlone(t *testing.T) {
	t.Parallel()
	address, connections := silence(t)
	db := open(t, "redis://"+address)
	start := time.Now()
	for range 200 {
		if err := db.Ping(t.Context()); !errors.Is(err, redisdb.ErrAway) {
			t.Fatalf("ping: %v", err)
		}
	}
	took := time.Since(start)
	if n, most := connections(), 3+int(took/time.Second); n > most {
		t.Errorf("of 200 calls to a hanging Redis, %d were made within %s, and %d are the most", n, took, most)
	}
	if db.State() != redisdb.Away {
		t.Errorf("state %q", db.State())
	}
}

func TestAPatientOneWaits(t *testing.T) {
	t.Parallel()
	address, _ := silence(t)
	db, err := redisdb.OpenPatient("redis://"+address, 400*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	start := time.Now()
	if err := db.Ping(t.Context()); !errors.Is(err, redisdb.ErrAway) || time.Since(start) < 400*time.Millisecond {
		t.Errorf("ping: %v after %s", err, time.Since(start))
	}
}

func TestCallersWhoGoAwayAreNoFailure(t *testing.T) {
	t.Parallel()
	db := open(t, pgtest.Redis(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		if err := db.Ping(ctx); !errors.Is(err, redisdb.ErrAway) {
			t.Fatalf("ping: %v", err)
		}
	}
	if db.State() != redisdb.Working {
		t.Errorf("state %q after callers went away", db.State())
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	if _, err := redisdb.Open("http://example.test"); err == nil {
		t.Error("an address of another kind was taken")
	}
}

// silence gives the address of a server that takes connections and never answers, and how many it has taken.
func silence(t *testing.T) (string, func() int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	var taken atomic.Int64
	var taking sync.WaitGroup
	taking.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			taken.Add(1)
			t.Cleanup(func() { _ = conn.Close() })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); taking.Wait() })
	return listener.Addr().String(), func() int { return int(taken.Load()) }
}
