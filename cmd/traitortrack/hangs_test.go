package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/config"
	"traitortrack/internal/devstack"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/migrations"
)

// surrounded is the program behind a real PgBouncer and beside a real replica. The folders are those of the servers.
type surrounded struct {
	*running
	folder, standby string
	stack, replica  *devstack.Stack
	environment     config.Environment // what the program has of both
}

func surround(t *testing.T) *surrounded {
	t.Helper()
	s := &surrounded{running: &running{t: t, log: &output{}}, folder: pgtest.Folder(t), standby: pgtest.Folder(t)}
	var err error
	if s.stack, err = devstack.Start(t.Context(), devstack.Options{Dir: s.folder, Pooler: true, Temporary: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stack.Stop() })
	s.database = s.stack.DatabaseURL
	if err := migrations.Up(t.Context(), s.database); err != nil {
		t.Fatal(err)
	}
	if s.replica, err = devstack.Start(t.Context(), devstack.Options{Dir: s.standby, Follow: s.database, Temporary: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.replica.Stop() })
	if s.db, err = pg.Open(t.Context(), pg.Options{URL: s.database, MaxConns: 4}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.db.Close)
	s.environment = config.Environment{"DATABASE_URL": s.stack.PoolerURL, "DATABASE_DIRECT_URL": s.database, "DATABASE_POOLER": "transaction",
		"DATABASE_REPLICA_URL": s.replica.DatabaseURL}
	s.start(s.environment)
	s.logIn()
	return s
}

// TestBehindAPoolerAndBesideAReplica exhausts the pooler, hangs it, and lets the replica lag and hang: the health says what it
// is, and where users could notice, they do not.
func TestBehindAPoolerAndBesideAReplica(t *testing.T) {
	t.Parallel()
	s := surround(t)
	if said, _, _ := examine(t, s.environment); !strings.Contains(said, "ok   pooler: leads to") || !strings.Contains(said, "ok   replica: answers") {
		t.Errorf("the doctor says of the pooler and the replica: %s", said)
	}
	t.Run("the pooler is exhausted", func(t *testing.T) { s.t = t; s.exhaustPooler() })
	t.Run("the pooler hangs", func(t *testing.T) { s.t = t; s.hangPooler() })
	t.Run("the replica lags", func(t *testing.T) { s.t = t; s.lag() })
	t.Run("the replica hangs", func(t *testing.T) { s.t = t; s.hangReplica() })
}

// poolerSize is how many connections PgBouncer has in the servers of a test.
const poolerSize = 20

func (s *surrounded) exhaustPooler() {
	ctx := s.t.Context()
	var sleeping sync.WaitGroup
	var awake atomic.Int32
	for range poolerSize {
		sleeping.Go(func() {
			defer awake.Add(1)
			conn, err := pgx.Connect(ctx, s.stack.PoolerURL)
			if err != nil {
				s.t.Error(err)
				return
			}
			_, _ = conn.Exec(ctx, "SELECT pg_sleep(600)") // until PostgreSQL ends it: PgBouncer 1.18 may not outlive a cancel request
			_ = conn.Close(ctx)
		})
	}
	s.until("degraded", `"database":"exhausted"`)
	s.healthIsQuick()
	if a := s.ask("GET", "/api/pool", nil); a.StatusCode != http.StatusOK {
		s.t.Errorf("whoever looks after the pool sees nothing: %d %s", a.StatusCode, a.text)
	}
	eventually(s.t, "all are awake", func() bool { // some may only now get a connection to sleep on
		s.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'")
		return awake.Load() == poolerSize
	}, s.log)
	sleeping.Wait()
	s.until("ready", `"database":"ok"`)
}

func (s *surrounded) hangPooler() {
	wake := pgtest.Hang(s.t, filepath.Join(s.folder, "pgbouncer.pid"))
	s.until("unavailable", `"database":"away"`)
	wake()
	s.until("ready", `"database":"ok"`)
}

// lag has people work while the replica stands still. They see what they have written.
func (s *surrounded) lag() {
	standby, err := pgx.Connect(s.t.Context(), s.replica.DatabaseURL)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = standby.Close(context.Background()) }()
	replay := func(how string) {
		if _, err := standby.Exec(s.t.Context(), "SELECT pg_wal_replay_"+how+"()"); err != nil {
			s.t.Fatal(err)
		}
	}
	s.replicaIs("healthy")
	replay("pause")
	s.work(time.Second, 500*time.Millisecond)
	s.ask("POST", "/api/scans", map[string]string{"code": "SB77777"})
	if a := s.ask("GET", "/api/bags?q=SB77777", nil); !strings.Contains(a.text, "SB77777") {
		s.t.Errorf("somebody does not see what they have just written: %s", a.text)
	}
	s.replicaIs("degraded")
	replay("resume")
	s.replicaIs("healthy")
}

// hangReplica has people work while the replica hangs. What was on its way there waits a second at most, until the primary is asked.
func (s *surrounded) hangReplica() {
	s.replicaIs("healthy")
	wake := pgtest.Hang(s.t, filepath.Join(s.standby, "postgres", "postmaster.pid"))
	s.work(1500*time.Millisecond, 3*time.Second)
	s.replicaIs("degraded")
	s.until("ready", `"database":"ok"`) // nobody needs a replica
	wake()
	s.replicaIs("healthy")
	s.work(1500*time.Millisecond, time.Second)
}

func (s *surrounded) replicaIs(status string) {
	s.t.Helper()
	eventually(s.t, "the replica is "+status, func() bool {
		return strings.Contains(s.ask("GET", "/api/system_health", nil).text, `"replica":{"status":"`+status+`"`)
	}, s.log)
}

// until waits until /healthz says something of the whole and of a part.
func (r *running) until(status, part string) {
	r.t.Helper()
	eventually(r.t, "the health is "+status+" with "+part, func() bool {
		text := r.ask("GET", "/healthz", nil).text
		return strings.Contains(text, `"status":"`+status+`"`) && strings.Contains(text, part)
	}, r.log)
}

// work reads and scans for a while, and holds that everything is answered, nine of ten within the bound, and nothing much later: what
// somebody has to wait for lasts for all, while a busy machine holds up the one or the other.
func (r *running) work(bound, long time.Duration) {
	r.t.Helper()
	var took []time.Duration
	n := 0
	for end := time.Now().Add(long); n < 10 || time.Now().Before(end); n++ {
		parent := fmt.Sprintf("SB%05d", time.Now().UnixNano()%100_000)
		for _, q := range []struct {
			method, path string
			body         any
		}{
			{"GET", "/api/bags", nil}, {"GET", "/dashboard", nil}, {"GET", "/bills", nil}, {"GET", "/search?q=SB", nil},
			{"POST", "/api/scans", map[string]string{"code": parent}},
		} {
			a := r.ask(q.method, q.path, q.body)
			if a.StatusCode != http.StatusOK {
				r.t.Fatalf("%s %s: %d %.300s\n%s", q.method, q.path, a.StatusCode, a.text, r.log)
			}
			took = append(took, a.took)
		}
	}
	slices.Sort(took)
	most, slowest := took[len(took)*9/10], took[len(took)-1]
	r.t.Logf("%d rounds of work, nine of ten answers within %s, the slowest after %s", n, most, slowest)
	if most > bound || slowest > 10*bound {
		r.t.Errorf("one of ten waited for %s, somebody for %s, and %s is the most\n%s", most, slowest, bound, r.log)
	}
}

// TestNobodyNoticesARedisThatHangs has people work while Redis takes connections and answers nothing.
func TestNobodyNoticesARedisThatHangs(t *testing.T) {
	t.Parallel()
	redis, process := pgtest.OwnRedis(t)
	p := startProgram(t, config.Environment{"REDIS_URL": redis, "RATELIMIT_EXEMPT": ""})
	p.logIn()
	p.until("ready", `"redis":"ok"`)
	p.work(time.Second, 500*time.Millisecond)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.work(time.Second, 2*time.Second)
	p.until("degraded", `"redis":"away"`)
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.until("ready", `"redis":"ok"`)
	p.work(time.Second, 500*time.Millisecond)
}
