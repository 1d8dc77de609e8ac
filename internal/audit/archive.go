package audit

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pg"
)

// retention is how long every row stays in the database. The function retire_month holds to it as well.
const retention = 90 * 24 * time.Hour

// keptActions are what stays in the database for good: who was removed, who rose, and what was deleted.
func keptActions() []string {
	return []string{"delete_user", "erase_user", "role_change", "delete_bag", "delete_bill"}
}

// Archiver moves months of the log that are older than 90 days into files. Any number of instances may: one at a time does.
type Archiver struct {
	db   *pg.DB
	keys Keys
	dir  string
	log  *slog.Logger
	now  func() time.Time
}

// NewArchiver makes an archiver that writes into a folder. The folder is to be as durable as the database.
func NewArchiver(db *pg.DB, keys Keys, dir string, log *slog.Logger, now func() time.Time) *Archiver {
	return &Archiver{db: db, keys: keys, dir: dir, log: log, now: now}
}

// Archived tells of a month that has moved.
type Archived struct {
	Month      string // such as 2026-05
	File       string
	Rows, Kept int64 // in the file, and still in the database
}

// Archive moves what is due, the oldest month first. A month moves as a whole: its rows are proved against their seals,
// written, flushed to the disk, read back and compared, and only then taken out of the database, in the transaction
// that writes the record of it. Whatever stops it before, nothing is lost, and the next turn begins the month anew.
func (a *Archiver) Archive(ctx context.Context) ([]Archived, error) {
	months, err := New(a.db.For(ctx)).monthsInLog(ctx, a.now().UTC().Add(-retention).Format(monthForm))
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("look for months to archive: %w", err))
	}
	var all []Archived
	for _, month := range months {
		done, err := a.move(ctx, month)
		if err != nil {
			return all, fmt.Errorf("archive %s of the audit log: %w", month, err)
		}
		if done.File == "" {
			continue
		}
		all = append(all, done)
		a.log.InfoContext(ctx, "audit log archived", slog.String("month", month), slog.String("file", done.File),
			slog.Int64("rows", done.Rows), slog.Int64("kept", done.Kept))
	}
	return all, nil
}

// move moves one month. It answers without a file where there is nothing to move, or another instance is at it.
func (a *Archiver) move(ctx context.Context, month string) (Archived, error) {
	var done Archived
	err := a.db.Tx(ctx, func(tx pgx.Tx) error {
		q := New(tx)
		if err := q.takeTime(ctx); err != nil {
			return err
		}
		turn, err := q.takeTurn(ctx)
		if err != nil || !turn.Ours {
			return err
		}
		if retired, err := q.isRetired(ctx, month); err != nil || retired {
			return err
		}
		f, err := a.write(ctx, tx, month)
		if err != nil || f.rows == 0 && len(f.kept) == 0 {
			return err
		}
		if err := f.readBack(a.dir); err != nil {
			return err
		}
		done = Archived{Month: month, File: f.name, Rows: f.rows, Kept: int64(len(f.kept) / keySize)}
		return a.retire(ctx, q, month, f)
	})
	if err != nil {
		return Archived{}, err
	}
	return done, nil
}

// retire takes a month that is in its file out of the database, and signs the record of it.
func (a *Archiver) retire(ctx context.Context, q *Queries, month string, f monthFile) error {
	record := SealedArchive{Month: month, File: f.name, Sha256: f.sum, Entries: f.rows, Kept: f.kept,
		ArchivedAt: a.now().UTC().Truncate(time.Microsecond)}
	return q.retireMonth(ctx, retireMonthParams{Month: month, File: f.name, Sha256: f.sum, Entries: f.rows, Kept: f.kept,
		ArchivedAt: record.ArchivedAt, Mac: a.keys.sign(record.message()), KeptActions: keptActions()})
}
