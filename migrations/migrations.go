// Package migrations has the schema, as steps that only go forward, and brings a database up to it.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver through which goose works
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// Step is one migration and whether it is applied.
type Step struct {
	Version int64
	Name    string
	Applied time.Time // zero while it is pending
}

// Up brings the database at url up to this program's schema. Two programs that start at once do it once: the second
// waits for the first.
func Up(ctx context.Context, url string) error {
	if err := upRiver(ctx, url); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return with(ctx, url, func(p *goose.Provider, db *sql.DB) error {
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if _, err := db.ExecContext(ctx, ComingPartitions); err != nil {
			return fmt.Errorf("make the coming partitions: %w", err)
		}
		return nil
	})
}

// ComingPartitions makes the monthly partitions that the coming months need, where they are missing.
const ComingPartitions = `SELECT ensure_partitions((now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC' + interval '3 months')::date)`

// Status tells which steps are applied to the database at url.
func Status(ctx context.Context, url string) ([]Step, error) {
	var steps []Step
	err := with(ctx, url, func(p *goose.Provider, _ *sql.DB) error {
		all, err := p.Status(ctx)
		for _, s := range all {
			steps = append(steps, Step{Version: s.Source.Version, Name: s.Source.Path, Applied: s.AppliedAt})
		}
		return err
	})
	return steps, err
}

func with(ctx context.Context, url string, do func(*goose.Provider, *sql.DB) error) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { _ = db.Close() }()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("make the migration lock: %w", err)
	}
	steps, err := fs.Sub(files, ".")
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, steps,
		goose.WithSessionLocker(locker), goose.WithExcludeNames([]string{"schema.sql"}))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	return do(p, db)
}

// Querier is what Check needs of a connection or pool.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Errors of Check. Each says what to run.
var (
	ErrOlder = errors.New("the database's schema is older than this program: run `traitortrack migrate`, then start again")
	ErrNewer = errors.New("the database's schema is newer than this program: start the newer program, or restore the backup from before its migration")
)

// Check compares the database's schema with this program's: ErrOlder, ErrNewer, or an error of the connection.
func Check(ctx context.Context, db Querier) error {
	var version int64
	err := db.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	if pe := (*pgconn.PgError)(nil); errors.As(err, &pe) && pe.Code == "42P01" { // undefined_table: never migrated
		return ErrOlder
	}
	switch {
	case err != nil:
		return fmt.Errorf("read the schema's version: %w", err)
	case version < Latest():
		return ErrOlder
	case version > Latest():
		return ErrNewer
	}
	return nil
}

// Latest is the version of the newest step that this program knows.
func Latest() int64 {
	names, _ := fs.Glob(files, "[0-9]*.sql") // the pattern is well formed
	var latest int64
	for _, name := range names {
		prefix, _, _ := strings.Cut(name, "_")
		if version, err := strconv.ParseInt(prefix, 10, 64); err == nil && version > latest {
			latest = version
		}
	}
	return latest
}
