package org

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// shop is a store with an organization, its admin and its settings as they begin.
func shop(t *testing.T) (*pg.DB, *Store, authz.Actor, Settings) {
	t.Helper()
	db := pgtest.New(t)
	orgID := pgtest.Org(t, db)
	s := NewStore(db, time.Hour, time.Now)
	settings, err := s.Settings(t.Context(), orgID)
	if err != nil {
		t.Fatal(err)
	}
	return db, s, pgtest.User(t, db, orgID, authz.Admin, ""), settings
}

func refusedAs(err error) string {
	if refusal := errs.As(err); refusal != nil {
		return refusal.Code
	}
	return ""
}

func TestChangeSettings(t *testing.T) {
	t.Parallel()
	db, s, admin, to := shop(t)
	if formats, err := s.Formats(t.Context(), admin.OrgID); err != nil || len(formats.All()) != 2 { // now they are cached for an hour
		t.Fatalf("%v, %v", formats, err)
	}
	to.Name, to.TimeZone = "  North   shed ", "Europe/Berlin"
	to.Formats[0].Capacity = 25
	to.Formats[1] = code.Format{Name: "jute", Pattern: `J[0-9]{6}`, Capacity: 12, ChildGrams: 2500} // in the place of moong
	after, err := s.ChangeSettings(t.Context(), admin, to)
	if err != nil || after.Version != to.Version+1 || after.Name != "North shed" || len(after.Formats) != 2 || after.Formats[1].Name != "jute" {
		t.Fatalf("%+v, %v", after, err)
	}
	organization, err := s.Get(t.Context(), admin.OrgID)
	if err != nil || organization.Name != "North shed" || organization.Location.String() != "Europe/Berlin" {
		t.Errorf("the organization is %+v, %v", organization, err)
	}
	formats, err := s.Formats(t.Context(), admin.OrgID)
	if kind, f, ok := formats.Recognise("J123456"); err != nil || !ok || kind != code.Parent || f.Capacity != 12 {
		t.Errorf("the new format is not known at once: %v %v %v %v", kind, f, ok, err)
	}
	var before, then string
	err = db.Pool().QueryRow(t.Context(), `SELECT before_state ->> 'time_zone', after_state ->> 'time_zone' FROM audit_log
		WHERE org_id = $1 AND action = 'change_settings' AND user_id = $2`, admin.OrgID, admin.UserID).Scan(&before, &then)
	if err != nil || before != "Asia/Kolkata" || then != "Europe/Berlin" {
		t.Errorf("audited from %q to %q, %v", before, then, err)
	}
}

// Of changes that were all made looking at the same version, one is stored and none is lost unnoticed.
func TestStaleSettingsAreRefused(t *testing.T) {
	t.Parallel()
	_, s, admin, to := shop(t)
	var stored, stale atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch _, err := s.ChangeSettings(t.Context(), admin, to); {
			case err == nil:
				stored.Add(1)
			case refusedAs(err) == "settings_stale":
				stale.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if stored.Load() != 1 || stale.Load() != 7 {
		t.Errorf("%d were stored, %d refused as stale", stored.Load(), stale.Load())
	}
}

// A code is one kind for ever.
func TestPatternsKeepWhatIsKnown(t *testing.T) {
	t.Parallel()
	db, s, admin, to := shop(t)
	_, err := db.Pool().Exec(t.Context(), `
		INSERT INTO bag (org_id, kind, code, format_id, capacity, child_grams, created_by) VALUES ($1, 'parent', 'SB00042', $2, 30, 1000, $3);`,
		admin.OrgID, to.Formats[0].ID, admin.UserID)
	if err == nil {
		_, err = db.Pool().Exec(t.Context(), `INSERT INTO bag (org_id, kind, code, created_by)
			SELECT $1, 'child', 'C' || lpad(n::text, 6, '0'), $2 FROM generate_series(1, 12000) n`, admin.OrgID, admin.UserID)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*Settings)
		want   string
		bag    string
	}{
		"a known child becomes a parent": {func(s *Settings) { s.Formats[1].Pattern = "C011[0-9]{3}" }, "format_conflict", "C011000"},
		"a known parent becomes a child": {func(s *Settings) { s.Formats[0].Pattern = "SX[0-9]{5}" }, "format_conflict", "SB00042"},
		"its format is taken away":       {func(s *Settings) { s.Formats = s.Formats[1:] }, "format_conflict", "SB00042"},
		"another format takes it over, and its own goes": {func(s *Settings) {
			s.Formats = s.Formats[1:]
			s.Formats[0].Pattern = "(?:SB|MX)[0-9]{5}"
		}, "format_in_use", ""},
		"two of one name":         {func(s *Settings) { s.Formats[1].Name = "Mustard" }, "format_exists", ""},
		"of another organization": {func(s *Settings) { s.Formats[1].ID = 1 << 40 }, "format_not_found", ""},
		"no time zone":            {func(s *Settings) { s.TimeZone = "Mars/Olympus" }, "invalid_time_zone", ""},
		"no formats":              {func(s *Settings) { s.Formats = nil }, "invalid_settings", ""},
		"no name":                 {func(s *Settings) { s.Name = " " }, "invalid_settings", ""},
		"an endless pattern":      {func(s *Settings) { s.Formats[1].Pattern = "M.*" }, "invalid_settings", ""},
		"no room":                 {func(s *Settings) { s.Formats[1].Capacity = 0 }, "invalid_settings", ""},
		"no weight":               {func(s *Settings) { s.Formats[1].ChildGrams = 0 }, "invalid_settings", ""},
	} {
		wrong := to
		wrong.Formats = append([]code.Format(nil), to.Formats...)
		tt.change(&wrong)
		_, err := s.ChangeSettings(t.Context(), admin, wrong)
		if refusedAs(err) != tt.want || tt.bag != "" && errs.As(err).Extra["bag"] != tt.bag {
			t.Errorf("%s: %v", name, err)
		}
	}
	to.Formats[0].Pattern = "(?:SB|MX)[0-9]{5,6}"
	if _, err := s.ChangeSettings(t.Context(), admin, to); err != nil {
		t.Errorf("a pattern that keeps what is known: %v", err)
	}
	for _, role := range []authz.Role{authz.Dispatcher, authz.Biller} {
		if _, err := s.ChangeSettings(t.Context(), pgtest.User(t, db, admin.OrgID, role, ""), to); refusedAs(err) != "forbidden" {
			t.Errorf("a %s: %v", role, err)
		}
	}
}
