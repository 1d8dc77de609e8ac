package numbers_test

import (
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"traitortrack/loadtests/numbers"
)

// TestRead reads a page as Prometheus scrapes it, and puts it together by a label.
func TestRead(t *testing.T) {
	t.Parallel()
	const page = "# HELP x_seconds How long.\n# TYPE x_seconds histogram\nx_seconds_bucket{le=\"0.05\",name=\"one\",pool=\"a\"} 3\nx_seconds_bucket{le=\"0.05\",name=\"one\",pool=\"b\"} 4\n" +
		"x_seconds_bucket{le=\"+Inf\",name=\"one\",pool=\"a\"} 9\nx_seconds_bucket{le=\"0.05\",name=\"two\",pool=\"a\"} 2\nx_seconds_count{name=\"one\",pool=\"a\"} 9\n" +
		"x_seconds_count{name=\"one\",pool=\"b\"} 4\nx_seconds_count{name=\"two\",pool=\"a\"} 2\nbytes 1.5e+07\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }))
	defer server.Close()
	n, err := numbers.Read(t.Context(), server.URL)
	if err != nil || n["bytes"] != 1.5e7 || len(n) != 8 {
		t.Errorf("%v, %v", n, err)
	}
	if got := n.By("x_seconds_count", "name"); !maps.Equal(got, map[string]float64{"one": 13, "two": 2}) {
		t.Errorf("by name: %v", got)
	}
	if got := n.Within("x_seconds", "name", "0.05"); !maps.Equal(got, map[string]float64{"one": 7, "two": 2}) {
		t.Errorf("within 50 ms: %v", got)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	n := numbers.Numbers{`x_seconds_bucket{redis="main",le="0.001"}`: 50, `x_seconds_bucket{redis="main",le="0.01"}`: 90, `x_seconds_bucket{redis="main",le="0.1"}`: 100,
		`x_seconds_bucket{redis="main",le="+Inf"}`: 100, `x_seconds_bucket{redis="limits",le="0.001"}`: 1000, `x_seconds_bucket{redis="limits",le="+Inf"}`: 1000}
	for q, want := range map[float64]float64{0.5: 0.001, 0.7: 0.0055, 0.95: 0.055, 1: 0.1} {
		if got := n.Quantile(q, "x_seconds", `redis="main"`); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %g: %g, want %g", q, got, want)
		}
	}
	if got := (numbers.Numbers{}).Quantile(0.95, "x_seconds", ""); got != 0 {
		t.Errorf("of nothing: %g", got)
	}
}
