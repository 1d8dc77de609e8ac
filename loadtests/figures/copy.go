package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/seed"
	"traitortrack/migrations"
)

// copyAgain copies the rows of the seed into an empty database with the same tables, keys and indexes, by nothing but COPY: one
// table after the other, each from one file. Writing the files is not timed.
func (w *warehouse) copyAgain(ctx context.Context) (seeded, error) {
	from, to := w.db.Pool().Config().ConnConfig.Copy(), w.db.Pool().Config().ConnConfig.Copy()
	to.Database = "reference"
	source, err := pgx.ConnectConfig(ctx, from)
	if err != nil {
		return seeded{}, fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { _ = source.Close(context.WithoutCancel(ctx)) }()
	if err := w.makeReference(ctx, source, to.Database); err != nil {
		return seeded{}, err
	}
	target, err := pgx.ConnectConfig(ctx, to)
	if err != nil {
		return seeded{}, fmt.Errorf("connect to the reference: %w", err)
	}
	defer func() { _ = target.Close(context.WithoutCancel(ctx)) }()
	if _, err := target.Exec(ctx, "SET statement_timeout = 0; SELECT ensure_partitions((now() - interval '13 months')::date, now()::date)"); err != nil {
		return seeded{}, fmt.Errorf("make the reference's months: %w", err)
	}
	all, err := w.copyTables(ctx, source, target)
	if err != nil {
		return all, err
	}
	say("a bare COPY of %d rows took %s", all.rows, all.took.Round(time.Second))
	return all, drop(ctx, source, target, to.Database)
}

// makeReference makes a database with the product's tables and nothing in them.
func (w *warehouse) makeReference(ctx context.Context, conn *pgx.Conn, name string) error {
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return fmt.Errorf("make the reference's database: %w", err)
	}
	there, err := url.Parse(w.stack.DatabaseURL)
	if err != nil {
		return fmt.Errorf("read the database's address: %w", err)
	}
	there.Path = name
	if err := migrations.Up(ctx, there.String()); err != nil {
		return fmt.Errorf("migrate the reference: %w", err)
	}
	return nil
}

// copyTables copies whom and what the rows refer to, and then the rows, which are timed.
func (w *warehouse) copyTables(ctx context.Context, source, target *pgx.Conn) (seeded, error) {
	for _, table := range []string{"organization", `"user"`, "bag_format"} {
		if _, _, err := w.copyTable(ctx, source, target, table); err != nil {
			return seeded{}, err
		}
	}
	var all seeded
	for _, table := range seed.Tables() {
		rows, took, err := w.copyTable(ctx, source, target, table)
		if err != nil {
			return all, err
		}
		all.rows, all.took = all.rows+rows, all.took+took
	}
	return all, nil
}

// copyTable copies one table by way of a file, and gives how long its way in took.
func (w *warehouse) copyTable(ctx context.Context, source, target *pgx.Conn, table string) (int64, time.Duration, error) {
	file, err := os.Create(filepath.Join(w.dir, "rows"))
	if err != nil {
		return 0, 0, fmt.Errorf("make a file for rows: %w", err)
	}
	defer func() { _ = file.Close() }()
	var columns string
	err = source.QueryRow(ctx, "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"+
		" WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''", table).Scan(&columns)
	if err != nil {
		return 0, 0, fmt.Errorf("read the columns of %s: %w", table, err)
	}
	if _, err := source.PgConn().CopyTo(ctx, file, fmt.Sprintf("COPY (SELECT %s FROM %s) TO STDOUT (FORMAT binary)", columns, table)); err != nil {
		return 0, 0, fmt.Errorf("copy %s out: %w", table, err)
	}
	if _, err := file.Seek(0, 0); err != nil {
		return 0, 0, fmt.Errorf("read the rows of %s: %w", table, err)
	}
	begun := time.Now()
	tag, err := target.PgConn().CopyFrom(ctx, file, fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", table, columns))
	if err != nil {
		return 0, 0, fmt.Errorf("copy %s in: %w", table, err)
	}
	return tag.RowsAffected(), time.Since(begun), nil
}

func drop(ctx context.Context, source, target *pgx.Conn, name string) error {
	if err := target.Close(ctx); err != nil {
		return fmt.Errorf("leave the reference: %w", err)
	}
	if _, err := source.Exec(ctx, "DROP DATABASE "+name); err != nil {
		return fmt.Errorf("drop the reference: %w", err)
	}
	return nil
}
