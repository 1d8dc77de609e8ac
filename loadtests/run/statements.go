package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/devstack"
)

// statement is what PostgreSQL tells of one that it ran, however often. Times are in milliseconds.
type statement struct {
	text           string
	calls          int64
	planned, spent float64 // together
}

// settings are PostgreSQL's for this run.
func (o options) settings() []string {
	settings := devstack.Tuned()
	if o.Statements {
		settings = append(settings, "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on")
	}
	return settings
}

// countStatements has PostgreSQL count anew.
func (s *site) countStatements(ctx context.Context, o options) error {
	if !o.Statements {
		return nil
	}
	return s.query(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()")
		if err != nil {
			return fmt.Errorf("count the statements: %w", err)
		}
		return nil
	})
}

// readStatements gives those that took PostgreSQL most time.
func (s *site) readStatements(ctx context.Context, o options, r *result) error {
	if !o.Statements {
		return nil
	}
	return s.query(ctx, func(conn *pgx.Conn) error {
		const most = `SELECT left(regexp_replace(query, '\s+', ' ', 'g'), 110), calls, total_plan_time, total_exec_time FROM pg_stat_statements
			ORDER BY total_plan_time + total_exec_time DESC LIMIT 30`
		rows, err := conn.Query(ctx, most)
		if err != nil {
			return fmt.Errorf("read the statements: %w", err)
		}
		r.statements, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (statement, error) {
			var st statement
			return st, row.Scan(&st.text, &st.calls, &st.planned, &st.spent)
		})
		if err != nil {
			return fmt.Errorf("read the statements: %w", err)
		}
		return nil
	})
}

func (r *result) writeStatements(b *strings.Builder) {
	if len(r.statements) == 0 {
		return
	}
	b.WriteString("\n## What PostgreSQL spent its time on\n\n| statement | times | planning, each | execution, each | of one core |\n|---|---|---|---|---|\n")
	for _, st := range r.statements {
		calls := float64(max(1, st.calls))
		fmt.Fprintf(b, "| `%s` | %d | %.3f ms | %.3f ms | %s |\n", strings.ReplaceAll(strings.ReplaceAll(st.text, "|", "\\|"), "`", "'"), st.calls, st.planned/calls, st.spent/calls,
			percent((st.planned+st.spent)/1000/r.watched.took.Seconds()))
	}
}
