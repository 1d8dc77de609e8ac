package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/report"
)

// check holds the database against what was acknowledged, and against itself.
func (s *site) check(ctx context.Context, r *result) error {
	began := time.Now()
	var paths []string
	for _, g := range r.generators {
		paths = append(paths, g.acknowledged)
	}
	a, err := readAcknowledged(paths)
	if err != nil {
		return err
	}
	r.acknowledged, r.failures = len(a.scans), a.failed
	err = s.query(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			found, err := a.compare(ctx, tx)
			for _, f := range found {
				r.verdict(f.name, f.rows == 0, fmt.Sprint(f.rows))
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if err := s.prove(ctx, r); err != nil {
		return err
	}
	out, err := s.command(ctx, r.options.Binary, "audit", "verify")
	r.verdict("audit verify", err == nil, lastLines(out, 4))
	say("checked in %s", time.Since(began).Round(time.Millisecond))
	return nil
}

// prove holds the totals of every organization against plain counts, by the product's own proof.
func (s *site) prove(ctx context.Context, r *result) error {
	db, err := pg.Open(ctx, pg.Options{URL: s.stack.DatabaseURL, MaxConns: 2, Patient: true})
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	var all []org.Listed
	err = db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		all, err = org.List(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("list the organizations: %w", err)
	}
	reports := report.NewStore(db, org.NewStore(db, time.Minute, time.Now), 0, time.Now)
	var drifts []string
	for _, o := range all {
		found, err := reports.Prove(ctx, o.ID)
		if err != nil {
			return err
		}
		for _, d := range found {
			drifts = append(drifts, fmt.Sprintf("organization %d: %s", o.ID, d))
		}
	}
	r.verdict("totals that are not the plain counts", len(drifts) == 0, fmt.Sprintf("%d %s", len(drifts), strings.Join(drifts, "; ")))
	return nil
}

// lastLines gives the end of a text, on one line.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " ")
}
