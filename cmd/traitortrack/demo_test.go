package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"traitortrack/internal/pgtest"
)

// demoProcess is a demo as a user runs it.
type demoProcess struct {
	*exec.Cmd
	url string
	out *output
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func buildBinary(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "traitortrack")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// somewhere is a port on loopback that nobody listened on a moment ago. It is below those that the system gives to outgoing
// connections, one of which could take it before the demo does.
func somewhere(t testing.TB) string {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			_ = listener.Close()
			return listener.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func startDemo(t testing.TB, binary, dir string, environment ...string) *demoProcess {
	t.Helper()
	address := somewhere(t)
	d := &demoProcess{Cmd: exec.Command(binary, "demo", "--addr", address, "--data-dir", dir), url: "http://" + address, out: &output{}}
	// Addresses from outside are not for a demo. Its numbers are anywhere, since others may run demos beside.
	d.Env = append(os.Environ(), "DATABASE_URL=postgres://nobody@127.0.0.1:1/none", "REDIS_URL=redis://127.0.0.1:1", "METRICS_ADDR=127.0.0.1:0")
	d.Env = append(d.Env, environment...)
	d.Stdout, d.Stderr = d.out, d.out
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Process.Kill(); _ = d.Wait() })
	eventually(t, "the demo is ready", func() bool {
		answer, err := http.Get(d.url + "/healthz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, d.out)
	return d
}

// eventually waits for what has to come. How soon it comes is the machine's affair.
func eventually(t testing.TB, what string, so func() bool, out *output) {
	t.Helper()
	const long = 2 * time.Minute
	for deadline := time.Now().Add(long); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s\n%s", long, what, out)
		}
	}
}

// login gives the cookies of the dispatcher's session.
func (d *demoProcess) login(t *testing.T, password string) []*http.Cookie {
	t.Helper()
	body := fmt.Sprintf(`{"username":"dispatcher","password":%q}`, password)
	login, err := http.Post(d.url+"/api/login", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = login.Body.Close()
	if login.StatusCode != http.StatusOK {
		t.Fatalf("login: %d\n%s", login.StatusCode, d.out)
	}
	return login.Cookies()
}

// open asks for a path in somebody's session. The caller closes the answer's body.
func (d *demoProcess) open(t *testing.T, path string, cookies []*http.Cookie) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", d.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d\n%s", path, answer.StatusCode, d.out)
	}
	return answer
}

// parents logs in and gives how many parents the warehouse has.
func (d *demoProcess) parents(t *testing.T, password string) float64 {
	t.Helper()
	answer := d.open(t, "/api/bags?kind=parent&limit=200", d.login(t, password))
	defer func() { _ = answer.Body.Close() }()
	var list struct{ Items []any }
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return float64(len(list.Items))
}

// left gives the processes that have the folder on their command line.
func left(dir string) []string {
	var found []string
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well formed
	for _, path := range paths {
		if raw, err := os.ReadFile(path); err == nil && bytes.Contains(raw, []byte(dir)) {
			found = append(found, strings.ReplaceAll(string(raw), "\x00", " "))
		}
	}
	return found
}

// TestDemo runs the demo as a user does: it serves, is killed and leaves nothing, serves the same data again, and stops
// when it is told to.
func TestDemo(t *testing.T) {
	t.Parallel()
	binary := buildBinary(t)
	dir := pgtest.Folder(t)

	first := startDemo(t, binary, dir)
	raw, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	password := strings.TrimSpace(string(raw))
	before := first.parents(t, password)
	if before < 10 {
		t.Errorf("the warehouse has %v parents", before)
	}
	eventually(t, "the three logins are printed", func() bool { return strings.Count(first.out.String(), password) == 3 }, first.out)
	if env, err := os.ReadFile(filepath.Join(dir, "env")); err != nil || !strings.Contains(string(env), "\nREDIS_URL=redis://") {
		t.Errorf("env: %q, %v", env, err)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()

	second := startDemo(t, binary, dir, "SHUTDOWN_TIMEOUT=10s") // at once
	if after := second.parents(t, password); after != before {
		t.Errorf("%v parents after the kill, %v before", after, before)
	}
	stream := second.open(t, "/dashboard/events", second.login(t, password))
	defer func() { _ = stream.Body.Close() }()
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, stream.Body); err != nil {
		t.Errorf("an open stream broke off at the end: %v", err)
	}
	if err := second.Wait(); err != nil || strings.Contains(second.out.String(), "requests were cut off") {
		t.Errorf("after SIGTERM: %v\n%s", err, second.out)
	}
	if still := left(dir); len(still) > 0 {
		t.Errorf("left behind by SIGTERM: %q", still)
	}

	third := startDemo(t, binary, dir)
	if err := third.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = third.Wait()
	eventually(t, "nothing is left of a demo that was killed", func() bool { return len(left(dir)) == 0 }, third.out)
}

// TestCommandLine holds what a command says when it is called wrongly.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"serve":        "DATABASE_URL is not set",
		"migrate":      "DATABASE_URL is not set",
		"dance":        "traitortrack --help",
		"create-admin": "--username",
	} {
		err := run(context.Background(), strings.Fields(args), &world{in: os.Stdin, out: &output{}})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", args, err, says)
		}
	}
}
