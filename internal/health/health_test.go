package health_test

import (
	"context"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/health"
	"traitortrack/internal/jobs"
	"traitortrack/internal/obs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/pool"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/report"
)

// ward is a system whose parts a test breaks one by one. Bounds are the runbook's, lowered where a test cannot wait.
type ward struct {
	t       *testing.T
	url     string
	db      *pg.DB
	redis   *redisdb.DB
	patient *redisdb.DB // the same, for what the test itself asks
	count   *obs.CacheCount
	sealer  *audit.Sealer
	sources health.Sources
}

func admit(t *testing.T) (*ward, func() error, func() error) {
	t.Helper()
	w := &ward{t: t, url: pgtest.URL(t), count: &obs.CacheCount{}}
	var err error
	if w.db, err = pg.Open(t.Context(), pg.Options{URL: w.url, MaxConns: 4, Reserve: 2}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	address, process := pgtest.OwnRedis(t)
	if w.redis, err = redisdb.Open(address); err != nil {
		t.Fatal(err)
	}
	if w.patient, err = redisdb.OpenPatient(address, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = w.redis.Close(), w.patient.Close() })
	m := obs.NewMetrics()
	w.db.Measure(m, pool.Primary, 4)
	w.redis.Measure(m, "main")
	m.Cache("test", w.count, func() int { return 7 })
	keys, err := audit.NewKeys("a secret of the test's own")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	w.sealer = audit.NewSealer(w.db, keys, log, time.Now)
	queue := pgtest.Open(t, w.url)
	runner, err := jobs.NewRunner(jobs.Deps{DB: queue, Sealer: w.sealer, Reports: report.NewStore(queue, org.NewStore(queue, time.Second, time.Now), time.Second, time.Now), Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	w.sources = health.Sources{DB: w.db, Read: m.Read, Session: w.redis.State, Limits: w.redis.State, SealLag: w.sealer.Lag, Now: time.Now, Bounds: health.Runbook(),
		Backlog: func(ctx context.Context) (int64, time.Duration, error) {
			b, err := runner.Backlog(ctx)
			return b.Waiting, b.Oldest, err
		}}
	w.sources.Bounds.SlowQuery, w.sources.Bounds.Disk, w.sources.Bounds.DiskFull = 10*time.Second, 100, 100 // the machine of the test may be slow and full
	return w, func() error { return process.Signal(syscall.SIGSTOP) }, func() error { return process.Signal(syscall.SIGCONT) }
}

// see looks at the system and gives its parts by name.
func (w *ward) see() map[string]health.Status {
	w.t.Helper()
	m := health.NewMonitor(w.sources)
	m.Look(w.t.Context())
	report := m.Report()
	parts := map[string]health.Status{"": report.Status}
	for _, p := range report.Components.All() {
		parts[p.Name] = p.Status
		if p.Message == "" || p.Chapter == "" || p.Status != health.Healthy && (p.Next == "" || !strings.Contains(strings.ToLower(report.Message), strings.ToLower(p.Name))) {
			w.t.Errorf("%s says too little: %+v in %q", p.Name, p, report.Message)
		}
	}
	return parts
}

// wait looks until a part has a status. Meanwhile it does what is given.
func (w *ward) wait(part string, want health.Status, meanwhile ...func()) {
	w.t.Helper()
	var seen map[string]health.Status
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, do := range meanwhile {
			do()
		}
		if seen = w.see(); seen[part] == want {
			return
		}
	}
	w.t.Fatalf("%s never became %s: %v", part, want, seen)
}

func (w *ward) exec(url, sql string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// TestEachPartBreaksAndHeals breaks one part after the other. Before and after each, everything is healthy.
func TestEachPartBreaksAndHeals(t *testing.T) {
	t.Parallel()
	w, stopRedis, wakeRedis := admit(t)
	w.wait("", health.Healthy)
	name := w.url[strings.LastIndex(w.url, "/")+1:]
	name, _, _ = strings.Cut(name, "?")
	server := strings.Replace(w.url, "/"+name, "/postgres", 1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	var held []interface{ Release() }
	for range 4 {
		conn, err := w.db.Pool().Acquire(t.Context())
		must(err)
		held = append(held, conn)
	}
	w.wait("Connection pool", health.Unhealthy)
	w.wait("Database", health.Healthy) // a full pool is no database that is away
	for _, conn := range held {
		conn.Release()
	}
	w.wait("", health.Healthy)

	for range 300 {
		w.count.Miss()
	}
	w.wait("Cache", health.Degraded)
	for range 900 {
		w.count.Hit()
	}
	w.wait("", health.Healthy)

	bound := func(memory string) {
		t.Helper()
		must(w.patient.Do(t.Context(), func(ctx context.Context, c redisdb.Commands) error {
			return c.ConfigSet(ctx, "maxmemory", memory).Err()
		}))
	}
	bound("1100kb")
	w.wait("Redis", health.Unhealthy)
	bound("0")
	w.wait("", health.Healthy)

	must(stopRedis())
	for range 5 {
		_ = w.redis.Ping(t.Context())
	}
	for _, part := range []string{"Redis", "Sessions", "Rate limiter", ""} {
		w.wait(part, health.Degraded)
	}
	must(wakeRedis())
	w.wait("", health.Healthy, func() { _ = w.redis.Ping(t.Context()) }) // it is known to be back once somebody asks

	w.exec(w.url, `INSERT INTO river.river_job (kind, args, max_attempts, state, scheduled_at)
		SELECT 'seal', '{}', 1, 'available', now() - interval '2 minutes' FROM generate_series(1, 11)`)
	w.wait("Jobs", health.Degraded)
	w.exec(w.url, `UPDATE river.river_job SET scheduled_at = now() - interval '31 minutes'`)
	w.wait("Jobs", health.Unhealthy)
	w.exec(w.url, `DELETE FROM river.river_job`)
	w.wait("", health.Healthy)

	who := pgtest.User(t, w.db, pgtest.Org(t, w.db), authz.Admin, "")
	must(w.db.Tx(t.Context(), func(tx pgx.Tx) error {
		return audit.Record(t.Context(), tx, who, audit.Entry{Action: "test", EntityType: "bag", EntityID: "SB00001"})
	}))
	w.sources.Bounds.SealLag = time.Millisecond
	w.wait("Audit log", health.Degraded)
	w.sources.Bounds.SealStopped = 2 * time.Millisecond
	w.wait("Audit log", health.Unhealthy)
	w.wait("", health.Healthy, func() { // another test's transaction may hold the seal back
		_, err := w.sealer.Seal(t.Context())
		must(err)
	})

	w.sources.Bounds.Disk = -1
	w.wait("Disk", health.Degraded)
	w.sources.Bounds.DiskFull = -1
	w.wait("Disk", health.Unhealthy)
	w.sources.Bounds.Disk, w.sources.Bounds.DiskFull = 100, 100
	w.wait("", health.Healthy)

	w.sources.Bounds.SlowQuery = 0
	w.wait("Database", health.Degraded)
	w.sources.Bounds.SlowQuery = 10 * time.Second
	w.exec(server, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
	w.exec(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+name+"'")
	w.wait("Database", health.Unhealthy)
	w.exec(server, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
	w.wait("", health.Healthy)
}

// TestAnOldReportIsNotBelieved holds what is told before the first look, and long after the last.
func TestAnOldReportIsNotBelieved(t *testing.T) {
	t.Parallel()
	w, _, _ := admit(t)
	now := time.Now()
	w.sources.Now = func() time.Time { return now }
	w.wait("", health.Healthy)
	m := health.NewMonitor(w.sources)
	if r := m.Report(); r.Status != health.Unhealthy {
		t.Errorf("before the first look: %+v", r)
	}
	for range 20 { // a look that a busy machine holds up sees something away
		if m.Look(t.Context()); m.Report().Status == health.Healthy {
			break
		}
	}
	if r := m.Report(); r.Status != health.Healthy {
		t.Errorf("after it: %s %s", r.Status, r.Message)
	}
	now = now.Add(20 * time.Second)
	if r := m.Report(); r.Status != health.Unhealthy || !strings.Contains(r.Message, "old") {
		t.Errorf("20 s later: %s %s", r.Status, r.Message)
	}
}
