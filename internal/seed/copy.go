package seed

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pg"
)

// table is where rows go, and the order of their columns.
type table struct {
	name    pgx.Identifier
	columns []string
	rows    [][]any
}

// copyInto makes a chunk in one transaction, so that it is there as a whole or not at all.
func (l *layout) copyInto(ctx context.Context, db *pg.DB, chunk int) error {
	drawn := l.draw(chunk)
	tables := drawn.tables(l.org, chunk)
	return db.Tx(ctx, func(tx pgx.Tx) error {
		for _, t := range tables {
			if _, err := tx.CopyFrom(ctx, t.name, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
				return fmt.Errorf("copy %d rows into %s: %w", len(t.rows), t.name, err)
			}
		}
		return nil
	})
}

// tables gives the rows table by table, each after those that it refers to.
func (r rows) tables(org int64, chunk int) []table {
	return []table{
		{pgx.Identifier{"bag"}, []string{"org_id", "id", "kind", "code", "format_id", "area", "capacity", "child_grams", "children",
			"weight_grams", "closed_by_hand", "linked", "created_by", "created_at", "last_scan_at"}, r.bags},
		{pgx.Identifier{"link"}, []string{"org_id", "child_id", "parent_id", "weight_grams", "linked_by", "linked_at"}, r.links},
		{pgx.Identifier{"bill"}, []string{"org_id", "id", "number", "number_key", "description", "capacity", "linked", "completed_at",
			"completed_by", "created_by", "created_at"}, r.bills},
		{pgx.Identifier{"bill_bag"}, []string{"org_id", "bag_id", "bill_id", "linked_by", "linked_at"}, r.billBags},
		{pgx.Identifier{"scan"}, []string{"org_id", "at", "id", "event", "outcome", "code", "parent_code", "other", "user_id", "device"}, r.scans},
		{pgx.Identifier{"scan_receipt"}, []string{"org_id", "scan_id", "at"}, r.receipts},
		{pgx.Identifier{"sealed", "audit_log"}, []string{"org_id", "at", "user_id", "action", "entity_type", "entity_id", "details",
			"before_state", "after_state", "request_id"}, r.audits},
		{pgx.Identifier{"tally"}, []string{"org_id", "quarter", "user_id", "slot", "parents", "children", "links", "bills_new",
			"bills_processing", "bills_completed", "accepted", "duplicate", "refused"}, r.totals(org, chunk)},
		{pgx.Identifier{"tally_person"}, []string{"org_id", "day", "user_id", "slot", "accepted", "duplicate", "refused"}, r.peoplesScans(org, chunk)},
	}
}

// totals gives each quarter's as a row in a slot of the chunk's own.
func (r rows) totals(org int64, chunk int) [][]any {
	var all [][]any
	for quarter, t := range r.tallies {
		all = append(all, []any{org, quarter, int64(0), chunk, t.Parents, t.Children, t.Links, t.BillsNew, t.BillsProcessing, t.BillsCompleted,
			t.AcceptedScans, t.DuplicateScans, t.RefusedScans})
	}
	return all
}

func (r rows) peoplesScans(org int64, chunk int) [][]any {
	var all [][]any
	for by, t := range r.scanners {
		all = append(all, []any{org, by.day, by.user, chunk, t.AcceptedScans, t.DuplicateScans, t.RefusedScans})
	}
	return all
}

// Tables names the tables that are filled by COPY, each after those that it refers to.
func Tables() []string {
	return []string{"bag", "link", "bill", "bill_bag", "scan", "scan_receipt", "sealed.audit_log", "tally", "tally_person"}
}

// Tidy lets the database look at what was made, so that it plans well from the first query on.
func Tidy(ctx context.Context, db *pg.DB) error { return tidy(ctx, db, "VACUUM (ANALYZE) ") }

// analyze is Tidy while more is to come.
func analyze(ctx context.Context, db *pg.DB) error { return tidy(ctx, db, "ANALYZE ") }

func tidy(ctx context.Context, db *pg.DB, how string) error {
	for _, name := range append(Tables(), `"user"`) {
		if _, err := db.Pool().Exec(ctx, how+name); err != nil {
			return fmt.Errorf("put %s in order: %w", name, err)
		}
	}
	return nil
}
