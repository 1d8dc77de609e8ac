package obs

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the program's numbers. Labels come from closed sets: routes of the table, statements of the queries, words
// of the code.
type Metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	statements *prometheus.HistogramVec
	database   *pools
	redis      *pools
	caches     *caches
}

// What the numbers of the pools begin with.
const (
	databasePool = "traitortrack_db_pool_"
	redisPool    = "traitortrack_redis_pool_"
)

// NewMetrics makes the numbers of one program: those of requests and statements, of Go, of the process, and its build.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "traitortrack_http_requests_total",
			Help: "Requests answered, by route, method and class of status."}, []string{"route", "method", "class"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "traitortrack_http_request_duration_seconds",
			Help: "Time to answer a request, by route and method.", Buckets: buckets()}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "traitortrack_http_requests_in_flight",
			Help: "Requests being answered now."}),
		statements: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "traitortrack_db_statement_duration_seconds",
			Help: "Time of a database statement as its caller waited, by its name.", Buckets: buckets()}, []string{"name"}),
		database: newPools(databasePool, "PostgreSQL"),
		redis:    newPools(redisPool, "Redis"),
		caches:   newCaches(),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.inFlight, m.statements, m.database, m.redis, m.caches, build(), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	return m
}

// buckets are upper bounds in seconds, from a cached page to what nobody waits for.
func buckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// build tells which build of the program runs: its number is always 1, and the revision it was made from is in a label.
func build() prometheus.Gauge {
	revision, dirty := "unknown", "false"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value
			case "vcs.modified":
				dirty = s.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "traitortrack_build_info", Help: "1; which build runs is in the labels.",
		ConstLabels: prometheus.Labels{"revision": revision, "modified": dirty, "go": runtime.Version()}})
	g.Set(1)
	return g
}

// Gauge shows a number that is read when somebody looks, such as connections in use. read is safe for concurrent use, and
// quick: whoever looks waits for it. Labels are names and values in turn.
func (m *Metrics) Gauge(name, help string, read func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: fixed(labels)}, read))
}

// Total shows a number that only rises and is kept elsewhere, read when somebody looks.
func (m *Metrics) Total(name, help string, read func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: fixed(labels)}, read))
}

func fixed(labels []string) prometheus.Labels {
	all := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	return all
}

// Counter makes a counter with labels, and gives what adds one to it. Each combination of values is there from the start,
// so that an alert sees the first one rise from 0.
func (m *Metrics) Counter(name, help string, labels ...Label) func(values ...string) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labelNames(labels))
	m.registry.MustRegister(c)
	for _, values := range combinations(labels) {
		c.WithLabelValues(values...)
	}
	return func(values ...string) {
		closed := make([]string, len(labels))
		for i, l := range labels {
			closed[i] = l.close(values[i])
		}
		c.WithLabelValues(closed...).Inc()
	}
}

// Histogram makes a histogram, and gives what adds one observation to it. Labels are names and values in turn.
func (m *Metrics) Histogram(name, help string, bounds []float64, labels ...string) func(float64) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds, ConstLabels: fixed(labels)})
	m.registry.MustRegister(h)
	return h.Observe
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// Private is what the private listener serves: the numbers at /metrics, and profiles below /debug/pprof/.
func (m *Metrics) Private() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
