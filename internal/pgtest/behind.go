package pgtest

import (
	"context"
	"net/url"
	"os"
	"sync"
	"testing"

	"traitortrack/internal/devstack"
	"traitortrack/internal/pg"
)

// With TEST_BEHIND set, tests reach their databases as in a large deployment: through PgBouncer in transaction pooling, and
// with a replica for what may be read there. Commits wait for the replica, since tests write as one person and read as
// another.

// behind are the servers between a test and its database. The zero behind is none.
type behind struct {
	pooler, replica string          // addresses
	standby         *devstack.Stack // held for as long as the test program runs
}

func wantBehind() bool { return os.Getenv("TEST_BEHIND") != "" }

// many lets the pooler keep connections to as many databases as tests have at a time. A replica needs as many.
const many = "max_connections=2000"

func settings() []string {
	if wantBehind() {
		return []string{"synchronous_commit=remote_apply", many}
	}
	return nil
}

func startBehind(ctx context.Context, primary *devstack.Stack) (behind, error) {
	if !wantBehind() {
		return behind{}, nil
	}
	dir, err := devstack.Folder()
	if err != nil {
		return behind{}, err
	}
	standby, err := devstack.Start(ctx, devstack.Options{Dir: dir, Temporary: true, Follow: primary.DatabaseURL, Settings: []string{many}})
	if err != nil {
		return behind{}, err
	}
	b := behind{pooler: primary.PoolerURL, replica: standby.DatabaseURL, standby: standby}
	if err := admin(ctx, primary.DatabaseURL, "ALTER SYSTEM SET synchronous_standby_names = '*'"); err != nil {
		return b, err
	}
	return b, admin(ctx, primary.DatabaseURL, "SELECT pg_reload_conf()")
}

// open opens a database by its own address, the way there being what TEST_BEHIND asks for.
func (b behind) open(t testing.TB, o pg.Options) (*pg.DB, error) {
	t.Helper()
	if b.standby == nil {
		return pg.Open(context.Background(), o)
	}
	follow := o
	follow.URL = by(b.replica, o.URL)
	o.DirectURL, o.URL, o.Pooled = o.URL, by(b.pooler, o.URL), true
	db, err := pg.Open(context.Background(), o)
	if err != nil {
		return nil, err
	}
	if err := db.Follow(context.Background(), follow); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { _ = db.Watch(ctx) })
	t.Cleanup(func() { stop(); watching.Wait() })
	return db, nil
}

// by gives the address of a database at another server.
func by(server, database string) string {
	to, err := url.Parse(server)
	if err != nil {
		panic(err) // a stack has just made it
	}
	of, err := url.Parse(database)
	if err != nil {
		panic(err) // it has just been made
	}
	of.Host, of.User = to.Host, to.User
	return of.String()
}
