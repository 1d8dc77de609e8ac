package org

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Settings are what an admin chooses for an organization. Version rises with each change. A format with the id 0 is new.
type Settings struct {
	Version  int64
	Name     string
	TimeZone string
	Formats  []code.Format
}

// Settings gives an organization's settings as they are now.
func (s *Store) Settings(ctx context.Context, orgID int64) (Settings, error) {
	var settings Settings
	err := s.db.Read(ctx, func(tx pg.Tx) error {
		var err error
		settings, err = readSettings(ctx, New(tx), orgID)
		return err
	})
	return settings, err
}

func readSettings(ctx context.Context, q *Queries, orgID int64) (Settings, error) {
	row, err := q.getSettings(ctx, orgID)
	if err != nil {
		return Settings{}, fmt.Errorf("read the settings of organization %d: %w", orgID, err)
	}
	formats, err := readFormats(ctx, q, orgID)
	return Settings{Version: row.SettingsVersion, Name: row.Name, TimeZone: row.TimeZone, Formats: formats}, err
}

// ChangeSettings replaces an organization's settings, and gives them as they are then. Formats that are left out are taken away. It refuses
// settings that were made looking at an older version (settings_stale), and patterns that would turn a known child into a
// parent or the reverse (format_conflict). Other instances hear of it at once.
func (s *Store) ChangeSettings(ctx context.Context, actor authz.Actor, to Settings) (Settings, error) {
	if err := actor.Require(authz.Users); err != nil {
		return Settings{}, err
	}
	to = to.clean()
	if err := to.check(); err != nil {
		return Settings{}, err
	}
	var after Settings
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		after, err = change(ctx, tx, actor, to)
		return err
	})
	if err == nil {
		s.Forget(actor.OrgID)
	}
	return after, err
}

// change compares versions under the lock of the organization's row, so that of two changes made at once one is refused.
func change(ctx context.Context, tx pgx.Tx, actor authz.Actor, to Settings) (Settings, error) {
	q := New(tx)
	version, err := q.lockOrganization(ctx, actor.OrgID)
	if err != nil {
		return Settings{}, fmt.Errorf("lock organization %d: %w", actor.OrgID, err)
	}
	if version != to.Version {
		return Settings{}, errs.New(errs.Conflict, "settings_stale",
			"Somebody else has changed the settings meanwhile. Look at them as they are now, and make your change again.")
	}
	before, err := readSettings(ctx, q, actor.OrgID)
	if err != nil {
		return Settings{}, err
	}
	if !samePatterns(before.Formats, to.Formats) {
		if err := checkKnown(ctx, q, actor.OrgID, to.Formats); err != nil {
			return Settings{}, err
		}
	}
	if err := write(ctx, q, actor.OrgID, to); err != nil {
		return Settings{}, err
	}
	after, err := readSettings(ctx, q, actor.OrgID)
	if err != nil {
		return Settings{}, err
	}
	return after, audit.Record(ctx, tx, actor, audit.Entry{Action: "change_settings", EntityType: "organization",
		EntityID: strconv.FormatInt(actor.OrgID, 10), Before: before.state(), After: after.state()})
}

// checkKnown holds every known code against new formats, ten thousand at a time.
func checkKnown(ctx context.Context, q *Queries, orgID int64, formats []code.Format) error {
	compiled, err := code.NewFormats(formats)
	if err != nil {
		return err
	}
	for after := ""; ; {
		rows, err := q.knownCodes(ctx, knownCodesParams{OrgID: orgID, After: after})
		if err != nil {
			return fmt.Errorf("read the codes of organization %d: %w", orgID, err)
		}
		for _, row := range rows {
			if err := keepsKind(compiled, code.Kind(row.Kind), row.Code); err != nil {
				return err
			}
			after = row.Code
		}
		if len(rows) == 0 {
			return nil
		}
	}
}

func write(ctx context.Context, q *Queries, orgID int64, to Settings) error {
	keep := []int64{}
	for _, f := range to.Formats {
		if f.ID != 0 {
			keep = append(keep, f.ID)
		}
	}
	if err := q.deleteFormats(ctx, deleteFormatsParams{OrgID: orgID, Keep: keep}); err != nil {
		return fmt.Errorf("take away formats of organization %d: %w", orgID, err)
	}
	for _, f := range to.Formats {
		if err := writeFormat(ctx, q, orgID, f); err != nil {
			return err
		}
	}
	if _, err := q.setOrganization(ctx, setOrganizationParams{OrgID: orgID, Name: to.Name, TimeZone: to.TimeZone}); err != nil {
		return fmt.Errorf("change organization %d: %w", orgID, err)
	}
	return q.announce(ctx, orgID)
}

func writeFormat(ctx context.Context, q *Queries, orgID int64, f code.Format) error {
	if f.ID == 0 {
		err := q.insertFormat(ctx, insertFormatParams{OrgID: orgID, Name: f.Name, ParentPattern: f.Pattern, Capacity: int32(f.Capacity), ChildGrams: int32(f.ChildGrams)}) //nolint:gosec // the rules hold both small
		if err != nil {
			return fmt.Errorf("make format %s of organization %d: %w", f.Name, orgID, err)
		}
		return nil
	}
	changed, err := q.updateFormat(ctx, updateFormatParams{OrgID: orgID, ID: f.ID, Name: f.Name, ParentPattern: f.Pattern, Capacity: int32(f.Capacity), ChildGrams: int32(f.ChildGrams)}) //nolint:gosec // the rules hold both small
	if err != nil {
		return fmt.Errorf("change format %d of organization %d: %w", f.ID, orgID, err)
	}
	if changed == 0 {
		return errs.New(errs.NotFound, "format_not_found", "There is no format %d here. Leave its id out to make a new one.", f.ID)
	}
	return nil
}

// clean gives the settings without white space around what was typed.
func (s Settings) clean() Settings {
	s.Name, s.TimeZone = strings.Join(strings.Fields(s.Name), " "), strings.TrimSpace(s.TimeZone)
	formats := make([]code.Format, len(s.Formats))
	for i, f := range s.Formats {
		f.Name, f.Pattern = strings.Join(strings.Fields(f.Name), " "), strings.TrimSpace(f.Pattern)
		formats[i] = f
	}
	s.Formats = formats
	return s
}

// state is the settings as the audit log shows them.
func (s Settings) state() map[string]any {
	formats := make([]map[string]any, len(s.Formats))
	for i, f := range s.Formats {
		formats[i] = map[string]any{"id": f.ID, "name": f.Name, "pattern": f.Pattern, "capacity": f.Capacity, "child_grams": int64(f.ChildGrams)}
	}
	return map[string]any{"version": s.Version, "name": s.Name, "time_zone": s.TimeZone, "formats": formats}
}

func readFormats(ctx context.Context, q *Queries, orgID int64) ([]code.Format, error) {
	rows, err := q.listFormats(ctx, orgID)
	if err != nil {
		return nil, pg.Refusal(fmt.Errorf("read bag formats of organization %d: %w", orgID, err))
	}
	return formatsOf(rows), nil
}
