package devstack_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/devstack"
	"traitortrack/internal/pgtest"
)

func startStack(t *testing.T, dir string, redis bool) *devstack.Stack {
	t.Helper()
	s, err := devstack.Start(t.Context(), devstack.Options{Dir: dir, Redis: redis})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var got T
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestStack holds that data outlives a stop, that the servers are not root's, and that a folder serves one stack.
func TestStack(t *testing.T) {
	t.Parallel()
	dir := pgtest.Folder(t)
	begun := time.Now()
	first := startStack(t, dir, true)
	making := time.Since(begun)
	query[int](t, first.DatabaseURL, "WITH made AS (SELECT 1 AS n) SELECT n FROM made")
	conn, err := pgx.Connect(t.Context(), first.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 42 AS n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	pid := postmaster(t, dir)
	if os.Geteuid() == 0 {
		info, err := os.Stat("/proc/" + strconv.Itoa(pid))
		if err != nil {
			t.Fatal(err)
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid == 0 {
			t.Error("PostgreSQL runs as root")
		}
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(pid, 0) == nil {
		t.Error("PostgreSQL runs after Stop")
	}
	begun = time.Now()
	second := startStack(t, dir, false)
	defer func() { _ = second.Stop() }()
	if took := time.Since(begun); took > 15*time.Second && took > 2*making {
		t.Errorf("the second start took %s, and the first, which made the data, %s", took, making)
	}
	if second.RedisURL != "" {
		t.Errorf("a Redis that nobody asked for: %s", second.RedisURL)
	}
	if got := query[int](t, second.DatabaseURL, "SELECT n FROM kept"); got != 42 {
		t.Errorf("kept %d, want 42", got)
	}
}

// TestFolderInUse holds that a second stack on one folder is refused, with advice.
func TestFolderInUse(t *testing.T) {
	t.Parallel()
	dir := pgtest.Folder(t)
	s := startStack(t, dir, false)
	defer func() { _ = s.Stop() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := devstack.Start(ctx, devstack.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "in use by another demo") {
		t.Errorf("got %v", err)
	}
}

// TestWhoseFolderIsGoneEnds removes Redis's pid file, as whoever removes the whole folder does: Redis ends with its stack all the same.
func TestWhoseFolderIsGoneEnds(t *testing.T) {
	t.Parallel()
	dir := pgtest.Folder(t)
	s := startStack(t, dir, true)
	file := filepath.Join(dir, "redis.pid")
	raw, err := os.ReadFile(file)
	if err == nil {
		err = os.Remove(file)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(raw))); err == nil {
		t.Error("Redis outlives its stack")
	}
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestPoolerAndReplica holds that a write through PgBouncer is seen through the replica, and that all of it ends.
func TestPoolerAndReplica(t *testing.T) {
	t.Parallel()
	primary, err := devstack.Start(t.Context(), devstack.Options{Dir: pgtest.Folder(t), Pooler: true, Temporary: true})
	if err != nil {
		t.Fatal(err)
	}
	replica, err := devstack.Start(t.Context(), devstack.Options{Dir: pgtest.Folder(t), Follow: primary.DatabaseURL, Temporary: true})
	if err != nil {
		t.Fatal(err)
	}
	pooled, err := pgx.ParseConfig(primary.PoolerURL)
	if err != nil {
		t.Fatal(err)
	}
	pooled.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), pooled)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE told AS SELECT 1 AS n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	for end := time.Now().Add(time.Minute); query[*string](t, replica.DatabaseURL, "SELECT to_regclass('told')::text") == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the replica did not hear of a table")
		}
	}
	for _, s := range []*devstack.Stack{replica, primary} {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	if _, err := pgx.Connect(t.Context(), primary.PoolerURL); err == nil {
		t.Error("PgBouncer outlives its stack")
	}
}
