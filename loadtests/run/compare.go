package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// finding is how many rows are not as they should be.
type finding struct {
	name string
	rows int
}

// compare counts what differs. Each number has to be 0. The transaction is one in which nothing else is done.
func (a *acknowledged) compare(ctx context.Context, tx pgx.Tx) ([]finding, error) {
	if err := a.copyInto(ctx, tx); err != nil {
		return nil, err
	}
	var all []finding
	for _, c := range comparisons() {
		f := finding{name: c.name}
		if err := tx.QueryRow(ctx, c.sql).Scan(&f.rows); err != nil {
			return nil, fmt.Errorf("count %s: %w", c.name, err)
		}
		all = append(all, f)
	}
	return all, nil
}

// copyInto puts everything into temporary tables.
func (a *acknowledged) copyInto(ctx context.Context, tx pgx.Tx) error {
	const tables = `
		CREATE TEMP TABLE answered (id uuid PRIMARY KEY, outcome text, code text COLLATE "C", parent text COLLATE "C") ON COMMIT DROP;
		CREATE TEMP TABLE unanswered (id uuid PRIMARY KEY) ON COMMIT DROP;
		CREATE TEMP TABLE inside (code text COLLATE "C" PRIMARY KEY, parent text COLLATE "C") ON COMMIT DROP;
		CREATE TEMP TABLE on_bill (code text COLLATE "C" PRIMARY KEY, number text) ON COMMIT DROP;
		CREATE TEMP TABLE done (number text PRIMARY KEY) ON COMMIT DROP`
	if _, err := tx.Exec(ctx, tables); err != nil {
		return fmt.Errorf("make room for what was acknowledged: %w", err)
	}
	for _, t := range a.rows() {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return fmt.Errorf("copy what was acknowledged: %w", err)
		}
	}
	return nil
}

// rows are what goes into one table.
type rows struct {
	table   string
	columns []string
	rows    [][]any
}

func (a *acknowledged) rows() []rows {
	var answered, unanswered, inside, onBill, done [][]any
	for id, s := range a.scans {
		answered = append(answered, []any{id, s.outcome, s.code, s.parent})
	}
	for id := range a.lost {
		unanswered = append(unanswered, []any{id})
	}
	for code, parent := range a.inside {
		if !a.unsure[code] {
			inside = append(inside, []any{code, parent})
		}
	}
	for code, number := range a.onBill {
		onBill = append(onBill, []any{code, number})
	}
	for number := range a.done {
		done = append(done, []any{number})
	}
	return []rows{
		{"answered", []string{"id", "outcome", "code", "parent"}, answered}, {"unanswered", []string{"id"}, unanswered},
		{"inside", []string{"code", "parent"}, inside}, {"on_bill", []string{"code", "number"}, onBill}, {"done", []string{"number"}, done},
	}
}

// comparison counts rows that should not be.
type comparison struct{ name, sql string }

// comparisons hold what was acknowledged against the tables. A code that is none leaves no row. The crowd's codes begin with LP and LC.
func comparisons() []comparison {
	return []comparison{
		{"acknowledged scans that the database does not hold", `SELECT count(*) FROM answered a
			WHERE a.outcome <> 'invalid_code' AND NOT EXISTS (SELECT FROM scan s WHERE s.id = a.id)`},
		{"acknowledged scans that it holds more than once", `SELECT count(*) FROM (SELECT s.id FROM scan s JOIN answered a ON a.id = s.id GROUP BY s.id HAVING count(*) > 1) twice`},
		{"acknowledged scans that it holds otherwise than they were answered", `SELECT count(*) FROM answered a JOIN scan s ON s.id = a.id
			WHERE (s.outcome, s.code) IS DISTINCT FROM (a.outcome, a.code) OR a.parent <> '' AND s.parent_code IS DISTINCT FROM a.parent`},
		{"scans that it holds and nobody was answered", `SELECT count(*) FROM scan s
			WHERE s.event = 'scan' AND (s.code LIKE 'LC%' OR s.code LIKE 'LP%')
			AND NOT EXISTS (SELECT FROM answered a WHERE a.id = s.id) AND NOT EXISTS (SELECT FROM unanswered u WHERE u.id = s.id)`},
		{"children that are elsewhere than was acknowledged", `SELECT count(*) FROM inside i LEFT JOIN bag c ON c.code = i.code
			LEFT JOIN link l ON l.org_id = c.org_id AND l.child_id = c.id
			LEFT JOIN bag p ON p.org_id = l.org_id AND p.kind = 'parent' AND p.id = l.parent_id
			WHERE coalesce(p.code, '') <> i.parent`},
		{"parents that are not on the bill that was acknowledged", `SELECT count(*) FROM on_bill o WHERE NOT EXISTS (
			SELECT FROM bag p JOIN bill_bag bb ON bb.org_id = p.org_id AND bb.bag_id = p.id JOIN bill b ON b.org_id = bb.org_id AND b.id = bb.bill_id
			WHERE p.code = o.code AND p.kind = 'parent' AND b.number = o.number)`},
		{"bills that were completed and are not", `SELECT count(*) FROM done d WHERE NOT EXISTS (SELECT FROM bill b WHERE b.number = d.number AND b.status = 'completed')`},
		{"parents over their capacity, or whose count of children is not the count", `SELECT count(*) FROM bag p
			LEFT JOIN (SELECT org_id, parent_id, count(*) AS n FROM link GROUP BY 1, 2) l ON l.org_id = p.org_id AND l.parent_id = p.id
			WHERE p.kind = 'parent' AND (p.children <> coalesce(l.n, 0) OR p.children > p.capacity)`},
	}
}
