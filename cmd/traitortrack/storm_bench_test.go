package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"traitortrack/internal/pgtest"
)

// storm is how many people log in at once.
const storm = 200

// BenchmarkLoginStorm lets a shift log in at once while somebody who is logged in goes on scanning. It reports the most
// memory that the server took, in MiB (asked: under 600), and how long a scan took meanwhile (asked: a p95 under 250 ms).
func BenchmarkLoginStorm(b *testing.B) {
	b.Setenv("DEMO_PASSWORD", "seven green bags")
	dir := pgtest.Folder(b)
	d := startDemo(b, buildBinary(b), dir)
	b.Cleanup(func() { _ = d.Process.Kill(); _ = d.Wait(); _ = os.RemoveAll(dir) })
	scanner := newAsker(b, d.url)
	scanner.ask("POST", "/api/login", map[string]string{"username": "dispatcher", "password": "seven green bags"})
	var took []time.Duration
	serial := 0
	for b.Loop() {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			var people sync.WaitGroup
			for range storm {
				people.Go(func() {
					newAsker(b, d.url).ask("POST", "/api/login", map[string]string{"username": "biller", "password": "seven green bags"})
				})
			}
			people.Wait()
		}()
		for going := true; going; serial++ {
			begun := time.Now()
			scanner.ask("POST", "/api/scans", map[string]string{"code": fmt.Sprintf("L%d", time.Now().UnixNano()), "parent": fmt.Sprintf("SB%06d", 600_000+serial/30)})
			took = append(took, time.Since(begun))
			select {
			case <-ended:
				going = false
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "scan-p95-ms")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "scan-p50-ms")
	b.ReportMetric(peak(b, d.Process.Pid), "peak-MiB")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "storm-ms")
}

func newAsker(b *testing.B, url string) *asker {
	b.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	return &asker{b: b, url: url, http: &http.Client{Jar: jar, Timeout: time.Minute}}
}

// peak gives the most memory that a process has had resident, in MiB.
func peak(b *testing.B, pid int) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, found := strings.Cut(string(raw), "VmHWM:")
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		b.Fatal("the system does not tell a process's peak of memory")
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
