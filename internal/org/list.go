package org

import (
	"context"
	"fmt"
	"time"

	"traitortrack/internal/pg"
)

// Listed is an organization as the commands of operators show it.
type Listed struct {
	ID        int64
	Name      string
	TimeZone  string
	CreatedAt time.Time
}

// List gives every organization, the oldest first, in the caller's transaction.
func List(ctx context.Context, tx pg.Tx) ([]Listed, error) {
	rows, err := New(tx).listOrganizations(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the organizations: %w", err)
	}
	listed := make([]Listed, len(rows))
	for i, row := range rows {
		listed[i] = Listed{ID: row.ID, Name: row.Name, TimeZone: row.TimeZone, CreatedAt: row.Since}
	}
	return listed, nil
}
