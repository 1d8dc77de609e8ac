package pgtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"traitortrack/internal/redisdb"
)

// OwnRedis starts a Redis for one test alone, which may stop its process and let it go on. It gives its address.
func OwnRedis(t testing.TB) (string, *os.Process) {
	t.Helper()
	dir := Folder(t)
	socket := filepath.Join(dir, "s")
	server := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir)
	if err := server.Start(); err != nil {
		t.Fatalf("start a Redis: %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	db, err := redisdb.OpenPatient("unix://"+socket, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for end := time.Now().Add(time.Minute); db.Ping(context.Background()) != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the test's own Redis does not answer")
		}
	}
	return "unix://" + socket, server.Process
}
