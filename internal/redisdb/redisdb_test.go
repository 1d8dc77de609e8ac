package redisdb_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"traitortrack/internal/pgtest"
	"traitortrack/internal/redisdb"
)

func open(t *testing.T, url string) *redisdb.DB {
	t.Helper()
	db, err := redisdb.Open(url)
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
	db := open(t, pgtest.Redis(t)).WithBudget(time.Second)
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

func TestHangingIsLeftAlone(t *testing.T) {
	t.Parallel()
	db := open(t, "redis://"+silence(t))
	start := time.Now()
	for range 200 {
		if err := db.Ping(t.Context()); !errors.Is(err, redisdb.ErrAway) {
			t.Fatalf("ping: %v", err)
		}
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("200 calls to a hanging Redis took %v", took)
	}
	if db.State() != redisdb.Away {
		t.Errorf("state %q", db.State())
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

// silence gives the address of a server that takes connections and never answers.
func silence(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String() // the kernel takes the connections; nobody reads them
}
