package obs

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// slow is what a statement may take without a line in the log.
const slow = 100 * time.Millisecond

// Statements times what is asked of the database, puts it on the bill of the request that asked, and logs what was slow.
type Statements struct {
	log     *slog.Logger
	metrics *Metrics
	now     func() time.Time
}

// NewStatements makes a tracer for a pool of connections.
func NewStatements(log *slog.Logger, metrics *Metrics, now func() time.Time) *Statements {
	return &Statements{log: log, metrics: metrics, now: now}
}

// The tracers of pgx that Statements is.
var (
	_ pgx.QueryTracer    = (*Statements)(nil)
	_ pgx.BatchTracer    = (*Statements)(nil)
	_ pgx.CopyFromTracer = (*Statements)(nil)
)

// statement is one that is under way. A batch counts as its statements and is timed as a whole.
type statement struct {
	name  string
	begun time.Time
	count int
}

func (s *Statements) begin(ctx context.Context, name string, count int) context.Context {
	return context.WithValue(ctx, statementKey, statement{name: name, begun: s.now(), count: count})
}

func (s *Statements) end(ctx context.Context) {
	one, ok := ctx.Value(statementKey).(statement)
	if !ok {
		return
	}
	took := s.now().Sub(one.begun)
	s.metrics.statements.WithLabelValues(one.name).Observe(took.Seconds())
	if n := notesOf(ctx); n != nil {
		n.charge(one.count, took)
	}
	if took > slow {
		s.log.WarnContext(ctx, "slow statement", slog.String("name", one.name), slog.Float64("duration_ms", milliseconds(took)))
	}
}

// TraceQueryStart notes when a statement begins.
func (s *Statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return s.begin(ctx, statementName(data.SQL), 1)
}

// TraceQueryEnd counts the statement.
func (s *Statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	s.end(ctx)
}

// TraceBatchStart notes when a batch begins. It goes by the name of its first statement that sqlc has named, or of its first.
func (s *Statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	name, count := "batch", 0
	if data.Batch != nil && data.Batch.Len() > 0 {
		all := data.Batch.QueuedQueries
		first := max(0, slices.IndexFunc(all, func(q *pgx.QueuedQuery) bool { return strings.HasPrefix(q.SQL, sqlcName) }))
		name, count = "batch "+statementName(all[first].SQL), len(all)
	}
	return s.begin(ctx, name, count)
}

// TraceBatchQuery has nothing to add: a batch is timed as a whole.
func (s *Statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd counts the batch.
func (s *Statements) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	s.end(ctx)
}

// TraceCopyFromStart notes when a copy begins.
func (s *Statements) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return s.begin(ctx, "copy "+strings.Join(data.TableName, "."), 1)
}

// TraceCopyFromEnd counts the copy.
func (s *Statements) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromEndData) {
	s.end(ctx)
}

// sqlcName begins a statement of ours.
const sqlcName = "-- name: "

// statementName gives the name that sqlc writes before a statement, or for a statement of the driver's its first word.
func statementName(sql string) string {
	if rest, named := strings.CutPrefix(sql, sqlcName); named {
		name, _, _ := strings.Cut(rest, " ")
		return name
	}
	word, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	switch word = strings.ToLower(strings.TrimSuffix(word, ";")); word {
	case "begin", "commit", "rollback", "savepoint", "release", "listen", "notify":
		return word
	default:
		return "other"
	}
}
