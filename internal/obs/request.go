package obs

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

type contextKey int

const (
	noteKey contextKey = iota
	statementKey
)

// notes are what the layers of one request have to say of it, for its one line in the log.
type notes struct {
	mu         sync.Mutex
	attrs      []slog.Attr
	statements int
	database   time.Duration
}

func notesOf(ctx context.Context) *notes {
	n, _ := ctx.Value(noteKey).(*notes)
	return n
}

// Note adds to the log line of the request that ctx belongs to. A name noted twice keeps its last value. Outside a
// request it does nothing.
func Note(ctx context.Context, attrs ...slog.Attr) {
	n := notesOf(ctx)
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range attrs {
		n.attrs = append(slices.DeleteFunc(n.attrs, func(old slog.Attr) bool { return old.Key == a.Key }), a)
	}
}

// charge adds statements and their time to the request's bill.
func (n *notes) charge(statements int, took time.Duration) {
	n.mu.Lock()
	n.statements += statements
	n.database += took
	n.mu.Unlock()
}

// Requests counts and times requests, and logs a line for each.
type Requests struct {
	log     *slog.Logger
	metrics *Metrics
	now     func() time.Time
}

// NewRequests makes the middleware's state.
func NewRequests(log *slog.Logger, metrics *Metrics, now func() time.Time) *Requests {
	return &Requests{log: log, metrics: metrics, now: now}
}

// Middleware watches each request. It is the first of a chi router's chain, where it sees the route that was found. On a
// nil *Requests it lets everything pass unseen.
func (q *Requests) Middleware(next http.Handler) http.Handler {
	if q == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := &notes{}
		out := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		begun := q.now()
		q.metrics.inFlight.Inc()
		defer func() { q.done(r, out, n, q.now().Sub(begun)) }() // after a panic as well
		next.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), noteKey, n)))
	})
}

// done counts and logs a request that was answered. A handler that wrote nothing has answered 200.
func (q *Requests) done(r *http.Request, out middleware.WrapResponseWriter, n *notes, took time.Duration) {
	q.metrics.inFlight.Dec()
	status := out.Status()
	if status == 0 {
		status = http.StatusOK
	}
	route, method := routeOf(r), methodOf(r.Method)
	q.metrics.requests.WithLabelValues(route, method, strconv.Itoa(status/100)+"xx").Inc()
	q.metrics.seconds.WithLabelValues(route, method).Observe(took.Seconds())
	n.mu.Lock()
	defer n.mu.Unlock()
	attrs := append([]slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", status),
		slog.Float64("duration_ms", milliseconds(took)), slog.Int("bytes", out.BytesWritten()),
		slog.Int("db_statements", n.statements), slog.Float64("db_ms", milliseconds(n.database)),
	}, n.attrs...)
	q.log.LogAttrs(r.Context(), levelOf(route, status), "request", attrs...)
}

// levelOf keeps what machines ask all day, and what pages load, out of an ordinary log.
func levelOf(route string, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelWarn
	case route == "/health", route == "/healthz", strings.HasPrefix(route, "/static/"):
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// routeOf gives the pattern of the route that was found, which is one of a closed set. What a client typed is not.
func routeOf(r *http.Request) string {
	route := chi.RouteContext(r.Context())
	if route == nil {
		return "none"
	}
	if pattern := route.RoutePattern(); pattern != "" {
		return pattern
	}
	return "none"
}

func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}
