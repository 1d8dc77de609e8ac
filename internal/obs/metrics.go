package obs

import (
	"net/http"
	"net/http/pprof"

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
}

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
	}
	m.registry.MustRegister(m.requests, m.seconds, m.inFlight, m.statements, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	return m
}

// buckets are upper bounds in seconds, from a cached page to what nobody waits for.
func buckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// Gauge shows a number that is read when somebody looks, such as connections in use. read is safe for concurrent use.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Total shows a number that only rises and is kept elsewhere, read when somebody looks.
func (m *Metrics) Total(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// Counter makes a counter with labels, and gives what adds one to it. The values of the labels come from closed sets.
func (m *Metrics) Counter(name, help string, labels ...string) func(values ...string) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return func(values ...string) { c.WithLabelValues(values...).Inc() }
}

// Seconds makes a histogram of durations in seconds with labels, and gives what adds one to it.
func (m *Metrics) Seconds(name, help string, labels ...string) func(seconds float64, values ...string) {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets()}, labels)
	m.registry.MustRegister(h)
	return func(seconds float64, values ...string) { h.WithLabelValues(values...).Observe(seconds) }
}

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
