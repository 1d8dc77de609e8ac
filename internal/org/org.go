// Package org knows the organizations: the warehouse companies, each with its time zone and its formats of bags.
package org

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/code"
	"traitortrack/internal/obs"
	"traitortrack/internal/pg"
	"traitortrack/internal/weight"
)

// Organization is one warehouse company.
type Organization struct {
	ID       int64
	Name     string
	Location *time.Location // whose midnight begins its days
}

// Store answers from copies that are at most its TTL old, since every scan asks.
type Store struct {
	db            *pg.DB
	organizations *cache[Organization]
	formats       *cache[code.Formats]
	admins        *cache[[]string]
}

// NewStore makes a store whose copies live for ttl.
func NewStore(db *pg.DB, ttl time.Duration, now func() time.Time) *Store {
	return &Store{db: db, organizations: newCache[Organization](ttl, now), formats: newCache[code.Formats](ttl, now),
		admins: newCache[[]string](ttl, now)}
}

// Measure shows the store's copies among the numbers.
func (s *Store) Measure(m *obs.Metrics) {
	m.Cache("organization", &s.organizations.count, s.organizations.entries)
	m.Cache("formats", &s.formats.count, s.formats.entries)
	m.Cache("admins", &s.admins.count, s.admins.entries)
}

// Forget makes the next question about an organization read the database, or with 0 the next about any.
func (s *Store) Forget(orgID int64) {
	s.organizations.forget(orgID)
	s.formats.forget(orgID)
	s.admins.forget(orgID)
}

// Get gives an organization. One that is not there is an internal fault: ids come from users' rows.
func (s *Store) Get(ctx context.Context, orgID int64) (Organization, error) {
	return s.organizations.get(ctx, orgID, s.load)
}

func (s *Store) load(ctx context.Context, orgID int64) (Organization, error) {
	row, err := New(s.db.For(ctx)).getOrganization(ctx, orgID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Organization{}, fmt.Errorf("there is no organization %d", orgID)
	}
	if err != nil {
		return Organization{}, pg.Refusal(fmt.Errorf("read organization %d: %w", orgID, err))
	}
	location, err := time.LoadLocation(row.TimeZone)
	if err != nil {
		return Organization{}, fmt.Errorf("time zone of organization %d: %w", orgID, err)
	}
	return Organization{ID: row.ID, Name: row.Name, Location: location}, nil
}

// Formats gives an organization's formats of bags, ready to recognise codes.
func (s *Store) Formats(ctx context.Context, orgID int64) (code.Formats, error) {
	return s.formats.get(ctx, orgID, s.loadFormats)
}

func (s *Store) loadFormats(ctx context.Context, orgID int64) (code.Formats, error) {
	formats, err := readFormats(ctx, New(s.db.For(ctx)), orgID)
	if err != nil {
		return code.Formats{}, err
	}
	return code.NewFormats(formats)
}

func formatsOf(rows []listFormatsRow) []code.Format {
	formats := make([]code.Format, len(rows))
	for i, row := range rows {
		formats[i] = code.Format{ID: row.ID, Name: row.Name, Pattern: row.ParentPattern,
			Capacity: int(row.Capacity), ChildGrams: weight.Grams(row.ChildGrams)}
	}
	return formats
}

// defaultFormats are what a new organization begins with.
func defaultFormats() []code.Format {
	return []code.Format{
		{Name: "mustard", Pattern: `SB[0-9]{5,6}`, Capacity: 30, ChildGrams: 1000},
		{Name: "moong", Pattern: `M444-[0-9]{5}`, Capacity: 15, ChildGrams: 1000},
	}
}

// Create makes an organization with the default formats, in the caller's transaction, and gives its id. The time zone is
// a name of the IANA database, such as Asia/Kolkata; any other is invalid_time_zone.
func Create(ctx context.Context, tx pgx.Tx, name, timeZone string) (int64, error) {
	if _, err := time.LoadLocation(timeZone); err != nil || timeZone == "" || timeZone == "Local" {
		return 0, errNoTimeZone(timeZone)
	}
	q := New(tx)
	id, err := q.insertOrganization(ctx, insertOrganizationParams{Name: name, TimeZone: timeZone})
	if err != nil {
		return 0, fmt.Errorf("create organization %s: %w", name, err)
	}
	for _, f := range defaultFormats() {
		err := q.insertFormat(ctx, insertFormatParams{OrgID: id, Name: f.Name, ParentPattern: f.Pattern,
			Capacity: int32(f.Capacity), ChildGrams: int32(f.ChildGrams)}) //nolint:gosec // the defaults are ours
		if err != nil {
			return 0, fmt.Errorf("create format %s of organization %d: %w", f.Name, id, err)
		}
	}
	return id, nil
}
