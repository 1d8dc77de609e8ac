package audit

import (
	"context"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
)

// Each gives every event of a filter to do, the newest first, without holding them all.
func (l *Log) Each(ctx context.Context, actor authz.Actor, f Filter, do func(Event) error) error {
	f.Limit = eventsAtOnce
	for {
		events, err := l.List(ctx, actor, f)
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if err := do(e); err != nil {
				return err
			}
		}
		if f.Cursor = events.Next; f.Cursor == "" {
			return nil
		}
	}
}

// eventsAtOnce bounds how many events Each holds.
const eventsAtOnce = 1000

// RecordExport notes in the log itself that the events of a filter leave the system, before the first of them does.
func (l *Log) RecordExport(ctx context.Context, actor authz.Actor, f Filter, format string) error {
	if err := actor.Require(authz.Audit); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	return l.db.Tx(ctx, func(tx pgx.Tx) error {
		narrow, found, err := f.resolve(ctx, New(tx), actor.OrgID)
		if err != nil {
			return err
		}
		return Record(ctx, tx, actor, Entry{Action: "export_audit_log", EntityType: "audit_log", EntityID: format,
			Details: narrow.details(f, found)})
	})
}

// details tells of a filter without the name of anybody.
func (n narrowed) details(f Filter, found bool) map[string]any {
	d := map[string]any{}
	if n.action != "" {
		d["action"] = n.action
	}
	if n.user != nil {
		d["user_id"] = *n.user
	}
	if found && n.kind != "" {
		d["entity_type"], d["entity_id"] = n.kind, n.id
	}
	if !found {
		d["user_id"] = "nobody of that name"
	}
	if !f.From.IsZero() {
		d["from"] = f.From.UTC()
	}
	if !f.To.IsZero() {
		d["to"] = f.To.UTC()
	}
	return d
}
