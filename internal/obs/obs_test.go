package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/obs"
)

// clock moves on by step each time that it is looked at.
func clock(step time.Duration) func() time.Time {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	return func() time.Time { at = at.Add(step); return at }
}

func openLog(t *testing.T, out *bytes.Buffer) *obs.Log {
	t.Helper()
	log, err := obs.OpenLog(obs.LogOptions{Level: slog.LevelDebug, Format: "json", Out: out})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// TestRequestLine holds the one line of a request, with what its layers noted and its statements cost.
func TestRequestLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, metrics := openLog(t, &out), obs.NewMetrics()
	statements := obs.NewStatements(log.Logger, metrics, clock(20*time.Millisecond))
	mux := chi.NewRouter()
	mux.Use(obs.NewRequests(log.Logger, metrics, clock(50*time.Millisecond)).Middleware)
	mux.Get("/bags/{code}", func(w http.ResponseWriter, r *http.Request) {
		obs.Note(r.Context(), slog.String("user", "asha"), slog.String("gate", "miss"))
		obs.Note(r.Context(), slog.String("gate", "hit"))
		ctx := statements.TraceQueryStart(r.Context(), nil, pgx.TraceQueryStartData{SQL: "-- name: findBag :one\nSELECT 1"})
		statements.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{})
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte("taken"))
	})
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/bags/SB00001", nil))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	for name, want := range map[string]any{"level": "INFO", "route": "/bags/{code}", "method": "GET", "status": 409.0, "bytes": 5.0,
		"duration_ms": 50.0, "db_statements": 1.0, "db_ms": 20.0, "user": "asha", "gate": "hit"} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/nowhere/at/all", nil))
	numbers := get(t, metrics, "/metrics")
	for _, want := range []string{
		`traitortrack_http_requests_total{class="4xx",method="GET",route="/bags/{code}"} 1`,
		`traitortrack_http_requests_total{class="4xx",method="other",route="none"} 1`,
		`traitortrack_db_statement_duration_seconds_count{name="findBag"} 1`,
		"go_goroutines", "process_open_fds", "go_build_info",
	} {
		if !strings.Contains(numbers, want) {
			t.Errorf("no %s in the numbers", want)
		}
	}
	if strings.Contains(numbers, "nowhere") {
		t.Error("what a client typed became a label")
	}
}

func get(t *testing.T, m *obs.Metrics, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Private().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.String()
}

func TestSlowStatement(t *testing.T) {
	t.Parallel()
	for step, logged := range map[time.Duration]bool{100 * time.Millisecond: false, 101 * time.Millisecond: true} {
		var out bytes.Buffer
		s := obs.NewStatements(openLog(t, &out).Logger, obs.NewMetrics(), clock(step))
		s.TraceQueryEnd(s.TraceQueryStart(context.Background(), nil, pgx.TraceQueryStartData{SQL: "-- name: sumUp :one\nSELECT 1"}), nil, pgx.TraceQueryEndData{})
		if got := strings.Contains(out.String(), `"name":"sumUp"`); got != logged {
			t.Errorf("after %s: logged %v in %q", step, got, &out)
		}
	}
}

// TestLogFile holds the levels' names, and that a file that was moved away is opened again.
func TestLogFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	log, err := obs.OpenLog(obs.LogOptions{Level: slog.LevelInfo, Format: "text", File: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	log.Debug("unseen")
	log.Warn("first")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	log.Log(context.Background(), obs.LevelCritical, "second")
	for name, want := range map[string]string{path + ".1": "level=WARNING msg=first", path: "level=CRITICAL msg=second"} {
		raw, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(raw), want) || strings.Contains(string(raw), "unseen") {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
	}
}
