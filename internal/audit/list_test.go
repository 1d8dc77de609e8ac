package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pgtest"
)

func (e *evidence) write(t *testing.T, who authz.Actor, entry audit.Entry) {
	t.Helper()
	if err := e.db.Tx(t.Context(), func(tx pgx.Tx) error { return audit.Record(t.Context(), tx, who, entry) }); err != nil {
		t.Fatal(err)
	}
}

func TestTheListFilters(t *testing.T) {
	t.Parallel()
	e := gather(t)
	biller := pgtest.User(t, e.db, e.who.OrgID, authz.Biller, "")
	stranger := pgtest.User(t, e.db, pgtest.Org(t, e.db), authz.Admin, "")
	for i := range 7 {
		e.write(t, biller, audit.Entry{Action: "create_bill", EntityType: "bill", EntityID: fmt.Sprintf("INV/%d", i)})
		e.write(t, e.who, audit.Entry{Action: "delete_bill", EntityType: "bill", EntityID: fmt.Sprintf("INV/%d", i)})
		e.write(t, stranger, audit.Entry{Action: "delete_bill", EntityType: "bill", EntityID: fmt.Sprintf("INV/%d", i)})
	}
	log, hour := audit.NewLog(e.db), time.Now().Add(-time.Hour)
	for _, c := range []struct {
		filter audit.Filter
		want   int
	}{
		{audit.Filter{}, 14},
		{audit.Filter{Action: "delete_bill"}, 7},
		{audit.Filter{User: biller.Username}, 7},
		{audit.Filter{User: biller.Username, Action: "delete_bill"}, 0},
		{audit.Filter{User: stranger.Username}, 0},
		{audit.Filter{Entity: "bill"}, 14},
		{audit.Filter{Entity: "bill/INV/3"}, 2},
		{audit.Filter{Entity: "bill/INV/3", User: biller.Username}, 1},
		{audit.Filter{Entity: "bag"}, 0},
		{audit.Filter{From: hour}, 14},
		{audit.Filter{To: hour}, 0},
	} {
		var seen []audit.Event
		c.filter.Limit = 3
		for {
			list, err := log.List(t.Context(), e.who, c.filter)
			if err != nil {
				t.Fatalf("%+v: %v", c.filter, err)
			}
			seen = append(seen, list.Items...)
			if c.filter.Cursor = list.Next; list.Next == "" {
				break
			}
		}
		if len(seen) != c.want {
			t.Errorf("%+v: %d events, want %d", c.filter, len(seen), c.want)
		}
		for i := 1; i < len(seen); i++ {
			if seen[i].Timestamp.After(seen[i-1].Timestamp) {
				t.Errorf("%+v: event %d is newer than the one before it", c.filter, i)
			}
		}
	}
	if _, err := log.List(t.Context(), biller, audit.Filter{}); errs.As(err) == nil || errs.As(err).Kind != errs.Forbidden {
		t.Errorf("a biller reads the log: %v", err)
	}
}

// TestTheRunbooksQueries asks the view what the operational runbook asks: it relies on these names.
func TestTheRunbooksQueries(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.write(t, authz.Actor{OrgID: e.who.OrgID, Address: "198.51.100.7"}, audit.Entry{Action: "login_failed", EntityType: "user", EntityID: "-",
		Personal: audit.Personal{Details: map[string]any{"username": "mallory"}}})
	e.write(t, e.who, audit.Entry{Action: "delete_user", EntityType: "user", EntityID: "17", Before: map[string]any{"role": "biller"},
		Subject: 17, Personal: audit.Personal{Before: map[string]any{"username": "asha"}}})
	for sql, want := range map[string]string{
		`SELECT ip_address || ' ' || count(*) FROM audit_log WHERE action = 'login_failed' AND timestamp > NOW() - INTERVAL '1 hour' GROUP BY ip_address`: "198.51.100.7 1",
		`SELECT details->>'username' FROM audit_log WHERE action = 'login_failed' AND timestamp > NOW() - INTERVAL '1 hour'`:                              "mallory",
		`SELECT entity_id || ' ' || (before_state->>'username') || ' ' || (before_state->>'role') FROM audit_log WHERE action = 'delete_user'`:            "17 asha biller",
		`SELECT username || ' ' || action || ' ' || entity_type || ' ' || details FROM audit_log LEFT JOIN "user" ON audit_log.user_id = "user".id
			WHERE timestamp > NOW() - INTERVAL '24 hours' AND user_id IS NOT NULL ORDER BY timestamp DESC LIMIT 100`: e.who.Username + " delete_user user {}",
		`SELECT ip_address || ' ' || count(*) AS attempts FROM audit_log WHERE action = 'login_failed' AND timestamp > NOW() - INTERVAL '10 minutes'
			GROUP BY ip_address ORDER BY count(*) DESC`: "198.51.100.7 1",
		`SELECT username FROM audit_log LEFT JOIN "user" ON audit_log.user_id = "user".id WHERE action = 'delete_user'`: e.who.Username,
	} {
		var got string
		if err := e.db.Pool().QueryRow(t.Context(), sql).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", sql, got, err, want)
		}
	}
}

// TestALoginUnderNobodysNameIsSeen tries a name that nobody has, first where one organization must be meant.
func TestALoginUnderNobodysNameIsSeen(t *testing.T) {
	t.Parallel()
	e := gather(t)
	failed := audit.Entry{Action: "login_failed", EntityType: "user", Personal: audit.Personal{Details: map[string]any{"username": "mallory"}}}
	seen := func() int {
		t.Helper()
		list, err := audit.NewLog(e.db).List(t.Context(), e.who, audit.Filter{Action: "login_failed"})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	e.write(t, authz.Actor{}, failed)
	if n := seen(); n != 1 {
		t.Errorf("the only organization sees %d", n)
	}
	pgtest.Org(t, e.db)
	e.write(t, authz.Actor{}, failed)
	if n := seen(); n != 1 {
		t.Errorf("one of two organizations sees %d: it may have been meant for the other", n)
	}
}

func TestAnonymize(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"198.51.100.77": "198.51.100.0", "::ffff:198.51.100.77": "198.51.100.0", "2001:db8:1:2:3::4": "2001:db8:1::",
		"fe80::1%eth0": "fe80::", "": "", "a name": "",
	} {
		if got := audit.Anonymize(address); got != want {
			t.Errorf("%q becomes %q, want %q", address, got, want)
		}
	}
}
