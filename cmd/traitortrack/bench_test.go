package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"traitortrack/internal/pgtest"
)

// BenchmarkDemo times what people ask for most, over HTTP, on the demo's data and with its durable database. /health, which
// touches nothing, is the reference: what the way there and back costs by itself.
func BenchmarkDemo(b *testing.B) {
	b.Setenv("DEMO_PASSWORD", "seven green bags")
	dir := pgtest.Folder(b)
	d := startDemo(b, buildBinary(b), dir)
	b.Cleanup(func() { _ = d.Process.Kill(); _ = d.Wait(); _ = os.RemoveAll(dir) })
	who := newAsker(b, d.url)
	who.ask("POST", "/api/login", map[string]string{"username": "admin", "password": "seven green bags"})
	reference := who.times("reference", func(int) { who.ask("GET", "/health", nil) })
	for _, c := range []struct {
		name string
		do   func(i int)
	}{
		{"dashboard", func(int) { who.ask("GET", "/dashboard", nil) }},
		{"stats", func(int) { who.ask("GET", "/api/stats", nil) }},
		{"bags", func(int) { who.ask("GET", "/bags", nil) }},
		{"bills", func(int) { who.ask("GET", "/bills", nil) }},
		{"scan", func(i int) {
			who.ask("POST", "/api/scans", map[string]string{"code": fmt.Sprintf("B%d", time.Now().UnixNano()), "parent": fmt.Sprintf("SB%06d", 500_000+i/30)})
		}},
	} {
		p50 := who.times(c.name, c.do)
		b.Logf("%-10s p50 is %.1f times that of /health", c.name, float64(p50)/float64(reference))
	}
}

// asker is somebody who is logged in.
type asker struct {
	b    *testing.B
	url  string
	http *http.Client
}

func (a *asker) ask(method, path string, body any) {
	a.b.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		a.b.Fatal(err)
	}
	r, err := http.NewRequestWithContext(a.b.Context(), method, a.url+path, bytes.NewReader(raw))
	if err != nil {
		a.b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := a.http.Do(r)
	if err != nil {
		a.b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		a.b.Fatalf("%s %s: %d %.300s %v", method, path, answer.StatusCode, text, err)
	}
}

// times runs a benchmark, reports its median and its 99th percentile, and gives the median.
func (a *asker) times(name string, do func(i int)) time.Duration {
	var p50 time.Duration
	serial := 0
	a.b.Run(name, func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			begun := time.Now()
			do(serial)
			took = append(took, time.Since(begun))
			serial++
		}
		slices.Sort(took)
		p50 = took[len(took)/2]
		b.ReportMetric(float64(p50.Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	})
	return p50
}
