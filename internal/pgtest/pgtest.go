// Package pgtest gives each test a PostgreSQL database of its own, migrated, and a Redis. It is for tests only. Servers
// are the ones that TEST_DATABASE_URL and TEST_REDIS_URL name, else private ones that end with the test program.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/devstack"
	"traitortrack/internal/pg"
	"traitortrack/migrations"
)

type servers struct {
	database, redis, template string
	redisDatabases            int64
	stack                     *devstack.Stack // held for as long as the test program runs
	behind                    behind
}

var (
	start    = sync.OnceValues(startServers)
	serial   atomic.Int64
	redisDBs atomic.Int64
)

func startServers() (servers, error) {
	s := servers{database: os.Getenv("TEST_DATABASE_URL"), redis: os.Getenv("TEST_REDIS_URL"), redisDatabases: 16} // as Redis comes
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)                                        // a busy machine's
	defer cancel()
	if s.database == "" || s.redis == "" {
		dir, err := devstack.Folder()
		if err != nil {
			return s, err
		}
		stack, err := devstack.Start(ctx, devstack.Options{Dir: dir, Redis: true, Temporary: true, Pooler: wantBehind(), Settings: settings()})
		if err != nil {
			return s, err
		}
		s.stack = stack
		if s.behind, err = startBehind(ctx, stack); err != nil {
			return s, err
		}
		if s.database == "" {
			s.database = stack.DatabaseURL
		}
		if s.redis == "" {
			s.redis, s.redisDatabases = stack.RedisURL, devstack.RedisDatabases
		}
	}
	s.template = fmt.Sprintf("template_%d", os.Getpid())
	if err := admin(ctx, s.database, "CREATE DATABASE "+s.template); err != nil {
		return s, err
	}
	return s, migrations.Up(ctx, on(s.database, s.template))
}

// admin runs a statement that cannot be in a transaction, on the server's own database.
func admin(ctx context.Context, serverURL, sql string) error {
	conn, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// on gives the address of another database on the same server.
func on(serverURL, database string) string {
	u, err := url.Parse(serverURL)
	if err != nil {
		panic(err) // the address has just been connected to
	}
	u.Path = "/" + database
	return u.String()
}

// URL makes a migrated database and gives its address. It is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatalf("no database for the test: %v", err)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), serial.Add(1))
	if err := admin(context.Background(), s.database, "CREATE DATABASE "+name+" TEMPLATE "+s.template); err != nil {
		t.Fatalf("make the test's database: %v", err)
	}
	t.Cleanup(func() {
		if err := admin(context.Background(), s.database, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return on(s.database, name)
}

// New makes a migrated database and opens it.
func New(t testing.TB) *pg.DB {
	t.Helper()
	return Open(t, URL(t))
}

// Open opens a database once more, as another instance of the program would.
func Open(t testing.TB, url string) *pg.DB {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatalf("no database for the test: %v", err)
	}
	db, err := s.behind.open(t, pg.Options{URL: url, MaxConns: 20})
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// Redis gives the address of a Redis database that no other test of this program has used: what others left there counts
// against limits. A Redis that TEST_REDIS_URL names has 16 databases, and from the seventeenth test on they are used again.
func Redis(t testing.TB) string {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatalf("no Redis for the test: %v", err)
	}
	u, err := url.Parse(s.redis)
	if err != nil {
		t.Fatalf("Redis address: %v", err)
	}
	u.Path = "/" + strconv.FormatInt(redisDBs.Add(1)%s.redisDatabases, 10)
	return u.String()
}

// Org makes an organization with the two default formats.
func Org(t testing.TB, db *pg.DB) int64 {
	t.Helper()
	var id int64
	err := db.Pool().QueryRow(context.Background(), `
		WITH o AS (INSERT INTO organization (name, time_zone) VALUES ($1, 'Asia/Kolkata') RETURNING id),
		     f AS (INSERT INTO bag_format (org_id, name, parent_pattern, capacity, child_grams)
		           SELECT o.id, v.* FROM o, (VALUES ('mustard', 'SB[0-9]{5,6}', 30, 1000), ('moong', 'M444-[0-9]{5}', 15, 1000)) v)
		SELECT id FROM o`, fmt.Sprintf("Warehouse %d", serial.Add(1))).Scan(&id)
	if err != nil {
		t.Fatalf("make an organization: %v", err)
	}
	return id
}

// User makes a user who cannot log in, and gives them as an actor.
func User(t testing.TB, db *pg.DB, orgID int64, role authz.Role, area string) authz.Actor {
	t.Helper()
	a := authz.Actor{OrgID: orgID, Username: fmt.Sprintf("%s-%d", role, serial.Add(1)), Role: role, Area: area, Address: "192.0.2.7", Device: "test", Request: "req-test"}
	err := db.Pool().QueryRow(context.Background(), `
		INSERT INTO "user" (org_id, username, role, area, password_hash) VALUES ($1, $2, $3, nullif($4, ''), '-') RETURNING id`,
		orgID, a.Username, role, area).Scan(&a.UserID)
	if err != nil {
		t.Fatalf("make a user: %v", err)
	}
	return a
}

// Folder makes a folder that the user who runs PostgreSQL gets to, and removes it when the test ends. Those of t.TempDir are closed
// to others, and their paths are too long for a socket.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := devstack.Folder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
