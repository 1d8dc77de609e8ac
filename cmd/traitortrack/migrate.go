package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"traitortrack/internal/config"
	"traitortrack/migrations"
)

// migrate is the command of the schema.
type migrate struct {
	Up     migrateUp     `cmd:"" default:"1" help:"Apply the steps that are missing (the default)."`
	Status migrateStatus `cmd:"" help:"List the steps, and which are applied."`
}

type migrateUp struct{}

// Run brings the schema up.
func (migrateUp) Run(ctx context.Context, w *world) error {
	c, err := config.Load(w.environment)
	if err != nil {
		return err
	}
	if err := migrations.Up(ctx, c.DatabaseDirectURL); err != nil {
		return fmt.Errorf("the schema was not brought up: %w\nCheck DATABASE_URL, and that its user owns the schema; a step that failed has changed nothing", err)
	}
	_, err = fmt.Fprintf(w.out, "The schema is at version %d, which is what this program needs.\n", migrations.Latest())
	return err
}

type migrateStatus struct{}

// Run lists the steps.
func (migrateStatus) Run(ctx context.Context, w *world) error {
	c, err := config.Load(w.environment)
	if err != nil {
		return err
	}
	steps, err := migrations.Status(ctx, c.DatabaseDirectURL)
	if err != nil {
		return fmt.Errorf("read where the schema stands: %w\nCheck DATABASE_URL, and that PostgreSQL runs", err)
	}
	table := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		state := "pending: run traitortrack migrate"
		if !s.Applied.IsZero() {
			state = "applied " + s.Applied.UTC().Format("2006-01-02 15:04 UTC")
		}
		if _, err := fmt.Fprintf(table, "%d\t%s\t%s\n", s.Version, s.Name, state); err != nil {
			return err
		}
	}
	return table.Flush()
}
